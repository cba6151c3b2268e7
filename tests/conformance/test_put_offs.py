"""Attempts that are followed by another: written once, in the database's time, or cancelled."""

from datetime import timedelta

import pytest

from shared.contracts.attempt import Backoff
from shared.contracts.job import MOST_PAST_ATTEMPTS, Job
from shared.contracts.moves import Move, Status
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_moves import JobMoves
from tests.builders import LATER, a_claim, a_failure, a_job_in
from tests.conformance.store import Store

AN_HOUR = timedelta(hours=1)
A_BIT = timedelta(minutes=1)


@pytest.fixture
def ends(store: Store) -> JobEnds:
    return JobEnds(store.database)


def in_vain(job: Job) -> End:
    return End(job=job, error=a_failure(message="$x"), verdict=Move.RETRY, delay=AN_HOUR)


async def test_the_next_attempt_is_due_by_the_clock_of_the_database(
    store: Store, ends: JobEnds
) -> None:
    [job] = await store.has_claimed()
    assert await ends.write([in_vain(job)]) == []
    stored = await store.read(job)
    [past] = stored.past_attempts
    assert job.started_at is not None
    assert stored.due_at is not None
    assert timedelta(0) <= stored.due_at - job.started_at - AN_HOUR < A_BIT
    assert (past.until, past.started_at) == (stored.due_at, job.started_at)
    assert past.error == a_failure(message="$x")


async def test_a_put_off_that_is_written_again_after_a_lost_answer_is_not_late(
    store: Store, ends: JobEnds
) -> None:
    [job] = await store.has_claimed()
    await ends.write([in_vain(job)])
    once = await store.raw(job)
    assert await ends.write([in_vain(job)]) == []
    assert await store.raw(job) == once


async def test_a_put_off_is_not_late_even_if_the_job_runs_again_already(
    store: Store, ends: JobEnds
) -> None:
    [job] = await store.has_claimed()
    await ends.write([in_vain(job)])
    waiting = await store.read(job)
    await JobMoves(store.database).apply(waiting, waiting.opened(at=LATER), at=LATER)
    await JobClaims(store.database, tasks=[job.task]).claim([job.id], a_claim(token="next"))
    assert await ends.write([in_vain(job)]) == []
    assert (await store.read(job)).status is Status.RUNNING


async def test_a_put_off_of_a_job_that_its_worker_lost_is_late(store: Store, ends: JobEnds) -> None:
    [job] = await store.has_claimed()
    await JobMoves(store.database).apply(job, job.lost_its_worker(at=LATER), at=LATER)
    assert [end.job.id for end in await ends.write([in_vain(job)])] == [job.id]


async def test_a_job_that_somebody_cancels_meanwhile_is_cancelled_instead_of_put_off(
    store: Store, ends: JobEnds
) -> None:
    asked, other = await store.has_claimed(2)
    await store.jobs.update_one({"_id": asked.id}, {"$set": {"cancel_asked_at": LATER}})
    assert await ends.write([in_vain(asked), in_vain(other)]) == []
    assert (await store.read(asked)).status is Status.CANCELLED
    assert (await store.read(other)).status is Status.WAITING


async def test_only_the_newest_past_attempts_are_kept(store: Store, ends: JobEnds) -> None:
    job = a_job_in(Status.QUEUED, backoff=Backoff(attempts=200), max_attempts=200)
    await store.has(job)
    claims, moves = JobClaims(store.database, tasks=[job.task]), JobMoves(store.database)
    for number in range(MOST_PAST_ATTEMPTS + 2):
        [ours] = await claims.claim([job.id], a_claim(token=f"t{number}"))
        await ends.write([in_vain(ours)])
        waiting = await store.read(job)
        await moves.apply(waiting, waiting.opened(at=LATER), at=LATER)
    kept = (await store.read(job)).past_attempts
    assert [past.token for past in kept] == [f"t{n}" for n in range(2, MOST_PAST_ATTEMPTS + 2)]
    assert kept[-1].attempt == MOST_PAST_ATTEMPTS + 2


async def test_a_move_whose_answer_was_lost_is_known_to_have_happened(store: Store) -> None:
    job = a_job_in(Status.QUEUED)
    await store.has(job)
    lost = {"writeConcernError": {"code": 91, "errmsg": "shutting down"}}
    what = {"failCommands": ["update"], **lost}
    admin = store.database.client.admin
    await admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": what})
    moves = JobMoves(store.database)
    assert await moves.apply(job, job.cancelled(at=LATER), at=LATER)
    assert (await store.read(job)).version == job.version + 1


async def test_of_two_moves_decided_on_the_same_state_one_happens(store: Store) -> None:
    job = a_job_in(Status.QUEUED)
    await store.has(job)
    moves = JobMoves(store.database)
    assert await moves.apply(job, job.cancelled(at=LATER), at=LATER)
    assert not await moves.apply(job, job.expired(at=LATER), at=LATER)
    assert (await store.read(job)).status is Status.CANCELLED
