"""Steering many jobs in the store: outlines, guarded moves, requests to stop, and tombstones."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.contracts.errors import Forgotten, NotFound
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.job_requests import JobRequests
from shared.infrastructure.retention import Retention
from tests.builders import LATER, NOON, a_failure, a_job, a_job_in, a_running_job
from tests.conformance.store import Store

LARGE = '{"x":"' + "x" * 100_000 + '"}'
EVERYTHING = {"queue": "default"}


@pytest.fixture
def outlines(store: Store) -> JobOutlines:
    return JobOutlines(store.database)


@pytest.fixture
def requests(store: Store) -> JobRequests:
    return JobRequests(store.database)


def cancelled(*jobs: Job) -> list[tuple[Job, Job]]:
    return [(job, job.cancelled(at=NOON, unsettled=True)) for job in jobs]


async def test_an_outline_leaves_out_what_may_be_large(store: Store, outlines: JobOutlines) -> None:
    job = a_job_in(Status.SUCCEEDED, input=LARGE, result=LARGE, metadata=LARGE, tags=("t",))
    await store.has(job)
    [found] = await outlines.get([job.id, "no-such"])
    assert found == replace(job, input="{}", metadata="{}", result="null")


async def test_outlines_come_page_after_page_oldest_first(
    store: Store, outlines: JobOutlines
) -> None:
    jobs = sorted((a_job() for _ in range(7)), key=lambda job: job.id)
    await store.has(*jobs, a_job(queue="other"))
    seen: list[str] = []
    while page := await outlines.page(EVERYTHING, after=seen[-1] if seen else None, most=3):
        seen += [job.id for job in page]
    assert seen == [job.id for job in jobs]


async def test_moves_are_made_each_for_itself_and_counted(
    store: Store, requests: JobRequests
) -> None:
    waiting = a_job_in(Status.WAITING)
    queued, changed = a_job(), a_job()
    await store.has(waiting, queued, replace(changed, version=2))
    assert await requests.move(cancelled(waiting, queued, changed), at=NOON) == 2
    for job in (waiting, queued):
        now = await store.read(job)
        assert (now.status, now.unsettled, now.due_at) == (Status.CANCELLED, True, None)
        assert now.finished_at is not None
        assert abs(datetime.now(UTC) - now.finished_at).total_seconds() < 60  # not NOON: its own
    assert (await store.read(changed)).status is Status.QUEUED
    assert await requests.move([], at=NOON) == 0


async def test_a_job_runs_again_by_its_outline_and_keeps_its_input(
    store: Store, outlines: JobOutlines, requests: JobRequests
) -> None:
    given = {"input": '{"x":1}', "metadata": '{"k":2}'}
    failed = a_job_in(Status.FAILED, error=a_failure(), **given)
    succeeded = a_job_in(Status.SUCCEEDED, result="[1]", **given)
    await store.has(failed, succeeded)
    found = await outlines.get([failed.id, succeeded.id])
    assert await requests.move([(job, job.again(at=NOON)) for job in found], at=NOON) == 2
    for before in (failed, succeeded):
        raw = await store.raw(before)
        assert raw["status"] == "queued"
        assert {"result", "error", "claim", "finished_at"}.isdisjoint(raw)
        now = await store.read(before)
        assert (now.input, now.metadata) == (before.input, before.metadata)
        [past] = now.past_attempts
        assert (past.outcome, past.error) == (str(before.status), before.error)


async def test_only_running_jobs_are_asked_to_stop_and_once(
    store: Store, requests: JobRequests
) -> None:
    running, asked, queued = a_running_job(), a_running_job(cancel_asked_at=LATER), a_job()
    await store.has(running, asked, queued)
    for _ in range(2):
        await requests.ask_to_stop([running.id, asked.id, queued.id])
    now = await store.read(running)
    assert (now.status, now.version) == (Status.RUNNING, running.version + 1)
    assert now.cancel_asked_at is not None
    assert await store.read(asked) == asked
    assert await store.read(queued) == queued


async def test_a_job_that_was_forgotten_is_told_from_one_that_never_was(store: Store) -> None:
    job = a_job_in(Status.SUCCEEDED, result="1")
    await store.has(job)
    assert await Retention(store.database).forget([job.id]) == 1
    reads = JobReads(store.database)
    with pytest.raises(Forgotten, match=f"job {job.id} has ended"):
        await reads.get(job.id)
    with pytest.raises(NotFound) as caught:
        await reads.get(a_job().id)
    assert not isinstance(caught.value, Forgotten)
