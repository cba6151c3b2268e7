"""Every guarded write of the store does what the pure move does, for every status it may meet."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.contracts.errors import IllegalMove
from shared.contracts.job import Job, Move, Status
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from tests.builders import LATER, a_claim, a_failure, a_job_in, a_running_job
from tests.conformance.store import Store

CLAIM = a_claim(token="token-2", worker="worker-2")
ERROR = a_failure()

PURE: dict[Move, Callable[[Job], Job]] = {
    Move.CLAIM: lambda job: job.claimed(by=CLAIM, at=LATER),
    Move.SUCCEED: lambda job: job.succeeded(result="5", at=LATER),
    Move.FAIL: lambda job: job.failed(error=ERROR, at=LATER),
    Move.HAND_BACK: lambda job: job.handed_back(at=LATER),
    Move.LOSE: lambda job: job.lost_its_worker(at=LATER),
}


async def _claim(store: Store, job: Job) -> None:
    await JobClaims(store.database, tasks=[job.task]).claim([job.id], CLAIM)


async def _claim_with_others(store: Store, job: Job) -> None:
    other = a_job_in(Status.QUEUED)
    await store.has(other)
    await JobClaims(store.database, tasks=[job.task]).claim([job.id, other.id], CLAIM)


async def _succeed(store: Store, job: Job) -> None:
    await JobEnds(store.database).write([End(job=as_claimed(job), result="5")])


async def _fail(store: Store, job: Job) -> None:
    await JobEnds(store.database).write([End(job=as_claimed(job), error=ERROR)])


async def _hand_back(store: Store, job: Job) -> None:
    held = as_claimed(job)
    await JobEnds(store.database).move_back(held, held.handed_back(at=LATER))


async def _lose(store: Store, job: Job) -> None:
    held = as_claimed(job)
    await JobEnds(store.database).move_back(held, held.lost_its_worker(at=LATER))


STORED: list[tuple[Move, Callable[[Store, Job], Awaitable[None]]]] = [
    (Move.CLAIM, _claim),
    (Move.CLAIM, _claim_with_others),
    (Move.SUCCEED, _succeed),
    (Move.FAIL, _fail),
    (Move.HAND_BACK, _hand_back),
    (Move.LOSE, _lose),
]


def as_claimed(job: Job) -> Job:
    """The job as a worker remembers it that claimed it once, whatever has become of it since."""
    return replace(job, status=Status.RUNNING, claim=job.claim or a_claim())


def without_instants(job: Job) -> Job:
    """The database's clock sets the instants; that they are set is what can be compared."""
    past = tuple(replace(each, started_at=None, ended_at=LATER) for each in job.past_attempts)
    names = ("started_at", "queued_at", "finished_at")
    told: Any = {name: LATER for name in names if getattr(job, name)}
    return replace(job, past_attempts=past, **told)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize(("move", "write"), STORED, ids=lambda each: getattr(each, "__name__", ""))
async def test_a_write_agrees_with_the_pure_move(
    store: Store, move: Move, write: Callable[[Store, Job], Awaitable[None]], status: Status
) -> None:
    job = a_job_in(status, queued_at=LATER)
    await store.has(job)
    before = await store.read(job)
    try:
        expected = PURE[move](before)
    except IllegalMove:
        expected = before
    await write(store, job)
    assert without_instants(await store.read(job)) == without_instants(expected)


async def test_the_last_loss_alone_is_stored_as_the_end_that_the_pure_move_makes(
    store: Store,
) -> None:
    job = a_running_job(lost=4, lost_alone=2, claim=a_claim(alone=True))
    await store.has(job)
    before = await store.read(job)
    after = before.lost_its_worker(at=LATER)
    assert await JobEnds(store.database).move_back(before, after)
    assert without_instants(await store.read(job)) == without_instants(after)
    assert after.status is Status.FAILED
