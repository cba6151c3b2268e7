"""The life of a worker process: it runs what it claims, and leaves nothing half done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from shared.contracts.errors import LeaseLost
from shared.contracts.job import Job, Status
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.end_statements import End
from tests.builders import a_job
from tests.eventually import eventually
from tests.fakes import (
    FakeClaims,
    FakeEnds,
    FakeHeartbeat,
    FakeHints,
    FakeReports,
    FakeRinger,
    FakeSource,
    FakeStore,
    a_bell,
)
from warren import task
from worker.consumer import Tools
from worker.ending import Ending
from worker.executions.loop import OnTheLoop
from worker.executor import Executor
from worker.quarantine import Quarantine
from worker.registry import Registry
from worker.reports import Reports
from worker.runner import Runner
from worker.slots import Slots

release = asyncio.Event()


@task(name="t.quick")
async def quick() -> int:
    return 1


@task(name="t.slow")
async def slow() -> int:
    await release.wait()
    return 2


@task(name="t.stubborn")
async def stubborn() -> int:
    """Ignores that it is cancelled."""
    while not release.is_set():
        try:
            await release.wait()
        except asyncio.CancelledError:
            continue
    return 3


class Shift:
    """A runner of the tasks above, and everything around it."""

    def __init__(self, *, grace: float = 0) -> None:
        registry = Registry([quick, slow, stubborn])
        self.store = FakeStore()
        self.hints = FakeHints()
        self.ends = FakeEnds(self.store)
        self.heartbeat = FakeHeartbeat()
        self.slots = Slots(10)
        self.source = FakeSource(self.store.journal)
        self.stop = asyncio.Event()
        claims = FakeClaims(self.store, tasks=registry.names)
        reports = Reports(FakeReports(), self.hints)
        self.ending = Ending(self.ends, self.hints)
        self.writer = GroupCommit[End](self.ending.write)
        self.runner = Runner(
            executor=Executor(registry, {"loop": OnTheLoop()}, reports, most=1000),
            quarantine=Quarantine(claims, slots=10),
            end_writer=self.writer,
            ends=self.ends,
            hints=self.hints,
            tools=Tools(claims, FakeRinger(self.store.journal), self.heartbeat, self.slots),
            grace=timedelta(seconds=grace),
            worker="us",
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator["asyncio.Task[None]"]:
        release.clear()
        async with self.writer.running():
            running = asyncio.create_task(self.runner.run(self.source, self.stop))
            try:
                yield running
            finally:
                release.set()
                self.stop.set()
                await asyncio.gather(running, return_exceptions=True)
                await eventually(lambda: not self.slots.taken)

    def gets(self, *tasks: str) -> list[Job]:
        """Let jobs of these tasks exist, and their bell arrive."""
        jobs = [a_job(task=name) for name in tasks]
        self.store.put(*jobs)
        self.runner.consumer.hear(a_bell(self.store.journal, *(job.id for job in jobs)))
        return jobs

    def status(self, job: Job) -> Status:
        return self.store.jobs[job.id].status

    async def run(self, *tasks: str) -> list[Job]:
        """Let these jobs be claimed and started."""
        jobs = self.gets(*tasks)
        await eventually(lambda: all(self.status(j) is not Status.QUEUED for j in jobs))
        return jobs

    def words(self) -> list[str]:
        return [word for word, _ in self.store.journal]


async def test_a_job_is_run_its_end_stored_and_told() -> None:
    shift = Shift()
    async with shift.working():
        [job] = await shift.run("t.quick")
        await eventually(lambda: shift.status(job) is Status.SUCCEEDED)
        assert shift.store.jobs[job.id].result == "1"
        await eventually(lambda: shift.slots.taken == 0)
    assert [hint.event for hint in shift.hints.told] == ["job.running", "job.succeeded"]


async def test_ends_of_jobs_that_finish_together_are_written_together() -> None:
    shift = Shift()
    async with shift.working():
        jobs = await shift.run("t.slow", "t.slow", "t.slow")
        release.set()
        await eventually(lambda: all(shift.status(j) is Status.SUCCEEDED for j in jobs))
    assert shift.words().count("end") == 1
    assert shift.ending.finished == 3


async def test_a_stop_lets_jobs_finish_within_the_grace() -> None:
    shift = Shift(grace=5)
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.stop.set()
        await eventually(lambda: "pause" in shift.words())
        release.set()
        async with asyncio.timeout(3):
            await running
        assert shift.status(job) is Status.SUCCEEDED


async def test_what_does_not_finish_within_the_grace_is_handed_back_and_announced() -> None:
    shift = Shift(grace=0.05)
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.stop.set()
        await running
        after = shift.store.jobs[job.id]
        assert (after.status, after.attempt, after.lost) == (Status.QUEUED, 0, 0)
        assert ("ring", [job.id]) in shift.store.journal
        assert shift.hints.told[-1].event == "job.queued"


async def test_bells_in_hand_at_a_stop_go_to_others() -> None:
    shift = Shift()
    async with shift.working() as running:
        await shift.run(*["t.slow"] * 10)
        [late] = shift.gets("t.quick")
        shift.stop.set()
        await running
        settled = [("give back", [late.id]), ("ring", [late.id])]
        assert any(each in shift.store.journal for each in settled)
        assert shift.status(late) is Status.QUEUED


async def test_a_task_that_ignores_cancellation_does_not_keep_others_from_going_back() -> None:
    shift = Shift()
    async with shift.working() as running:
        jobs = await shift.run("t.stubborn", "t.slow", "t.stubborn", "t.slow")
        shift.stop.set()
        # It ends just while the others are handed back.
        ending = asyncio.get_running_loop().call_later(1.02, release.set)
        async with asyncio.timeout(5):
            await running
        ending.cancel()
        assert all(shift.status(job) in (Status.QUEUED, Status.SUCCEEDED) for job in jobs)


async def test_a_job_that_ends_after_it_was_handed_back_is_discarded() -> None:
    shift = Shift()
    async with shift.working() as running:
        [job] = await shift.run("t.stubborn")
        shift.stop.set()
        await running
        assert shift.status(job) is Status.QUEUED
    assert (shift.ending.finished, shift.ending.discarded) == (0, 1)
    assert shift.status(job) is Status.QUEUED


async def test_without_its_lease_a_worker_stops_at_once_and_hands_nothing_back() -> None:
    shift = Shift(grace=60)
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.heartbeat.holds = False
        with pytest.raises(LeaseLost, match="could not be renewed"):
            async with asyncio.timeout(5):
                await running
        assert shift.status(job) is Status.RUNNING  # others decide what becomes of it
        assert "back" not in shift.words()


async def test_nothing_is_claimed_before_the_worker_is_enlisted() -> None:
    shift = Shift()
    shift.heartbeat.holds = False
    async with shift.working():
        [job] = shift.gets("t.quick")
        await asyncio.sleep(0.05)
        assert shift.status(job) is Status.QUEUED
        shift.heartbeat.holds = True
        await eventually(lambda: shift.status(job) is Status.SUCCEEDED)


async def test_while_the_database_is_away_a_stop_still_comes_to_an_end() -> None:
    shift = Shift()
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.store.outage.calls = 1
        shift.stop.set()
        async with asyncio.timeout(5):
            await running
        assert shift.status(job) is Status.RUNNING  # until its lease ends
