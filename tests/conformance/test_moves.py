"""Every guarded write of the store does what the pure move does, for every status it may meet."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.errors import IllegalMove
from shared.contracts.job import Job
from shared.contracts.moves import Move, Status
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_moves import JobMoves
from tests.builders import LATER, a_claim, a_failure, a_job_in, a_running_job
from tests.conformance.store import Store

CLAIM = a_claim(token="token-2", worker="worker-2")
ERROR = a_failure()
A_MINUTE = timedelta(minutes=1)

PURE: dict[Move, Callable[[Job], Job]] = {
    Move.CLAIM: lambda job: job.claimed(by=CLAIM, at=LATER),
    Move.SUCCEED: lambda job: job.succeeded(result="5", at=LATER),
    Move.FAIL: lambda job: job.failed(error=ERROR, at=LATER),
    Move.HAND_BACK: lambda job: job.handed_back(at=LATER),
    Move.LOSE: lambda job: job.lost_its_worker(at=LATER),
    Move.OPEN: lambda job: job.opened(at=LATER),
    Move.RETRY: lambda job: job.tried_in_vain(error=ERROR, delay=A_MINUTE, at=LATER),
    Move.SNOOZE: lambda job: job.snoozed(delay=A_MINUTE, at=LATER, because="limit"),
    Move.STAND_IN_LINE: lambda job: job.limited(limit="$api", turn_at=LATER),
    Move.CANCEL: lambda job: job.cancelled(at=LATER),
    Move.EXPIRE: lambda job: job.expired(at=LATER),
    Move.AGAIN: lambda job: job.again(at=LATER, input='{"$x":1}'),
    Move.SKIP: lambda job: job.skipped(at=LATER, error=ERROR),
    Move.AWAIT: lambda job: job.awaiting(result='"$x"'),
    Move.COMPLETE: lambda job: job.completed(result="5", at=LATER),
    Move.FOUNDER: lambda job: job.foundered(error=ERROR, at=LATER),
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


async def _retry(store: Store, job: Job) -> None:
    end = End(job=as_claimed(job), error=ERROR, verdict=Move.RETRY, delay=A_MINUTE)
    await JobEnds(store.database).write([end])


async def _snooze(store: Store, job: Job) -> None:
    end = End(job=as_claimed(job), verdict=Move.SNOOZE, delay=A_MINUTE, because="limit")
    await JobEnds(store.database).write([end])


async def _stand_in_line(store: Store, job: Job) -> None:
    held = as_claimed(job)
    end = End(job=held, verdict=Move.STAND_IN_LINE, line="$api", turn_at=LATER)
    await JobEnds(store.database).write([end])


async def _await(store: Store, job: Job) -> None:
    end = End(job=as_claimed(job), verdict=Move.AWAIT, result='"$x"')
    await JobEnds(store.database).write([end])


async def _hand_back(store: Store, job: Job) -> None:
    held = as_claimed(job)
    await JobMoves(store.database).apply(held, held.handed_back(at=LATER), at=LATER)


async def _lose(store: Store, job: Job) -> None:
    held = as_claimed(job)
    await JobMoves(store.database).apply(held, held.lost_its_worker(at=LATER), at=LATER)


def _by_somebody(move: Move) -> Callable[[Store, Job], Awaitable[None]]:
    async def write(store: Store, job: Job) -> None:
        with suppress(IllegalMove):
            after = PURE[move](job)
            assert await JobMoves(store.database).apply(job, after, at=LATER)

    return write


STORED: list[tuple[Move, Callable[[Store, Job], Awaitable[None]]]] = [
    (Move.CLAIM, _claim),
    (Move.CLAIM, _claim_with_others),
    (Move.SUCCEED, _succeed),
    (Move.FAIL, _fail),
    (Move.HAND_BACK, _hand_back),
    (Move.LOSE, _lose),
    (Move.RETRY, _retry),
    (Move.SNOOZE, _snooze),
    (Move.STAND_IN_LINE, _stand_in_line),
    (Move.OPEN, _by_somebody(Move.OPEN)),
    (Move.CANCEL, _by_somebody(Move.CANCEL)),
    (Move.EXPIRE, _by_somebody(Move.EXPIRE)),
    (Move.AGAIN, _by_somebody(Move.AGAIN)),
    (Move.SKIP, _by_somebody(Move.SKIP)),
    (Move.AWAIT, _await),
    (Move.COMPLETE, _by_somebody(Move.COMPLETE)),
    (Move.FOUNDER, _by_somebody(Move.FOUNDER)),
]


def as_claimed(job: Job) -> Job:
    """The job as a worker remembers it that claimed it once, whatever has become of it since."""
    return replace(job, status=Status.RUNNING, claim=job.claim or a_claim())


def without_instants(job: Job) -> Job:
    """The database's clock sets the instants; that they are set is what can be compared."""
    none: Any = {"started_at": None, "queued_at": None, "until": None}
    past = tuple(replace(each, ended_at=LATER, **none) for each in job.past_attempts)
    names = ("started_at", "queued_at", "finished_at", "due_at")
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
    assert await JobMoves(store.database).apply(before, after, at=LATER)
    assert without_instants(await store.read(job)) == without_instants(after)
    assert after.status is Status.FAILED
