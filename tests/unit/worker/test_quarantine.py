"""Suspects: jobs that lost a worker run beside fewer and fewer others like them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.contracts.job import Job
from tests.builders import a_running_job
from tests.eventually import eventually
from tests.fakes.store import FakeClaims, FakeStore
from worker.attempt import Attempt
from worker.quarantine import Quarantine


class Ward:
    """Runs jobs under quarantine, each until it is told to end."""

    def __init__(self, *, slots: int) -> None:
        self.store = FakeStore()
        self.quarantine = Quarantine(FakeClaims(self.store), slots=slots)
        self.inside: list[str] = []
        self.may_end = asyncio.Event()

    async def _run(self, job: Job) -> None:
        async with self.quarantine.admit(Attempt(job)):
            self.inside.append(job.id)
            await self.may_end.wait()
            self.inside.remove(job.id)

    @asynccontextmanager
    async def running(self, *jobs: Job) -> AsyncIterator[None]:
        self.store.put(*jobs)
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(self._run(job))
            await _settle()
            yield
            self.may_end.set()


async def _settle() -> None:
    """Let every task come as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_jobs_without_a_past_run_at_once_whatever_else_runs() -> None:
    ward = Ward(slots=1)
    jobs = [a_running_job(lost=lost) for lost in (2, 2, 1, 1, 0, 0, 0)]
    async with ward.running(*jobs):
        assert [job.id in ward.inside for job in jobs[4:]] == [True, True, True]


@pytest.mark.parametrize(("slots", "together"), [(1, 1), (16, 2), (100, 12)])
async def test_jobs_that_lost_one_worker_run_a_few_at_a_time(slots: int, together: int) -> None:
    ward = Ward(slots=slots)
    async with ward.running(*(a_running_job(lost=1) for _ in range(20))):
        assert len(ward.inside) == together


async def test_jobs_that_lost_two_workers_run_one_at_a_time_and_are_marked() -> None:
    ward = Ward(slots=100)
    first, second = (a_running_job(lost=lost) for lost in (2, 7))
    async with ward.running(first, second):
        assert ward.inside == [first.id]
        assert ward.store.journal == [("alone", first.id)]
    assert ward.store.journal == [("alone", first.id), ("alone", second.id)]
    claim = ward.store.jobs[first.id].claim
    assert claim is not None
    assert claim.alone


async def test_a_job_alone_is_marked_before_it_runs_even_while_the_database_is_away() -> None:
    ward = Ward(slots=100)
    ward.store.outage.calls = 1
    job = a_running_job(lost=2)
    async with ward.running(job):
        assert ward.inside == []
        await eventually(lambda: ward.inside)
        assert ward.store.journal == [("alone", job.id), ("alone", job.id)]


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_suspect_that_raises_makes_room_for_the_next(lost: int) -> None:
    ward = Ward(slots=1)
    first, second = a_running_job(lost=lost), a_running_job(lost=lost)
    ward.store.put(first)
    with pytest.raises(ZeroDivisionError):
        await _fail(ward.quarantine, first)
    async with ward.running(second):
        assert ward.inside == [second.id]


async def _fail(quarantine: Quarantine, job: Job) -> None:
    async with quarantine.admit(Attempt(job)):
        raise ZeroDivisionError
