"""Time gates and expiry in MongoDB: by its own clock, as the pure moves say, and by an index."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.errors import IllegalMove
from shared.contracts.events import Hint
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.collections import JOBS
from shared.infrastructure.job_times import JobTimes
from tests.builders import LATER, a_job_in
from tests.conformance.profiling import profiled
from tests.conformance.store import Store

SECOND = timedelta(seconds=1)
UNBEGUN = (Status.WAITING, Status.QUEUED)


@pytest.fixture
def times(store: Store) -> JobTimes:
    return JobTimes(store.database)


def due_in(seconds: float, **fields: object) -> Job:
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return a_job_in(Status.WAITING, due_at=at, because="retry", **fields)


def as_moved(job: Job) -> Job:
    """The database's clock sets the instants; that they are set is what can be compared."""
    named = {name: LATER for name in ("queued_at", "finished_at") if getattr(job, name)}
    return replace(job, **named)  # type: ignore[arg-type]


Write = Callable[[JobTimes, Job], Awaitable[int]]
WRITES: dict[str, tuple[Write, Callable[[Job], Job]]] = {
    "open": (lambda times, job: times.open([job.id]), lambda job: job.opened(at=LATER)),
    "expire": (
        lambda times, job: times.expire([job.id]),
        # A running attempt may finish, whatever the time.
        lambda job: job.expired(at=LATER, unsettled=True) if job.status in UNBEGUN else job,
    ),
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("name", WRITES)
async def test_a_batch_does_what_the_pure_move_does(
    store: Store, times: JobTimes, name: str, status: Status
) -> None:
    write, pure = WRITES[name]
    past = datetime.now(UTC).replace(microsecond=0) - SECOND
    job = a_job_in(status, expires_at=past, published=True, queued_at=LATER)
    if status is Status.WAITING:
        job = replace(job, due_at=past)
    await store.has(job)
    before = expected = await store.read(job)
    with suppress(IllegalMove):
        expected = pure(before)
    assert await write(times, job) == (expected != before)
    assert as_moved(await store.read(job)) == as_moved(expected)
    assert await write(times, job) == 0  # again, as after an answer that was lost


async def test_what_is_due_soon_is_found_the_earliest_first_with_the_time_that_is_left(
    store: Store, times: JobTimes
) -> None:
    past, soon, later, far = due_in(-5), due_in(0.4, tags=("a",)), due_in(0.8), due_in(60)
    await store.has(far, later, past, soon, a_job_in(Status.QUEUED))
    found = await times.due_within(SECOND, most=10)
    assert [each.id for each in found] == [past.id, soon.id, later.id]
    assert timedelta(seconds=-6) < found[0].comes_in < timedelta(seconds=-4.5)
    assert timedelta() < found[1].comes_in <= timedelta(seconds=0.4)
    told = Hint(soon.id, "job.queued", "math.add", "default", ("a",))
    assert found[1].hint("job.queued") == told
    assert len(await times.due_within(SECOND, most=2)) == 2


async def test_what_is_not_due_yet_is_not_opened(store: Store, times: JobTimes) -> None:
    early, due = due_in(60), due_in(-1)
    await store.has(early, due)
    assert await times.open([early.id, due.id]) == 1
    assert (await store.read(early)).status is Status.WAITING


async def test_a_job_without_an_instant_is_neither_due_nor_late(
    store: Store, times: JobTimes
) -> None:
    never = a_job_in(Status.WAITING, due_at=None)
    await store.has(never)
    assert await times.due_within(SECOND, most=10) == await times.expiring(most=10) == []
    assert await times.open([never.id]) == await times.expire([never.id]) == 0


async def test_what_may_not_begin_any_more_is_found(store: Store, times: JobTimes) -> None:
    past = datetime.now(UTC) - SECOND
    late = [a_job_in(status, expires_at=past) for status in UNBEGUN]
    others = [a_job_in(Status.RUNNING, expires_at=past)]
    others += [a_job_in(status, expires_at=past + timedelta(minutes=1)) for status in UNBEGUN]
    await store.has(*late, *others)
    assert {each.id for each in await times.expiring(most=10)} == {job.id for job in late}


async def test_jobs_that_should_have_been_opened_long_ago_are_counted(
    store: Store, times: JobTimes
) -> None:
    await store.has(due_in(-120), due_in(-1), due_in(5))
    assert await times.late_to_open(timedelta(seconds=60), most=10) == 1


async def test_a_large_backlog_costs_nothing_before_its_time(store: Store, times: JobTimes) -> None:
    await store.has(*(due_in(3600 + n) for n in range(500)), due_in(-1))
    async with profiled(store.database, JOBS) as seen:
        await times.due_within(SECOND, most=1000)
    [look] = seen
    assert (look["planSummary"], look["docsExamined"]) == ("IXSCAN { due_at: 1 }", 1)
