"""The keeper's goals: jobs handed over in time, nothing when idle, a bound under any backlog."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.collections import JOBS, QUEUES, TOMBSTONES
from tests.eventually import eventually
from tests.faults.measured import Report, Stopwatch
from tests.long.alone import QUEUE, TASK, Alone

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

A_MILLION = 1_000_000
WINDOW = 4096


def waiting(count: int, *, after: float, span: float) -> Iterator[Job]:
    """Jobs that fall due at random within `span` seconds, the first `after` seconds from now."""
    start = datetime.now(UTC) + timedelta(seconds=after)
    for _ in range(count):
        at = start + timedelta(seconds=random.uniform(0, span))
        yield a_new_job(status=Status.WAITING, due_at=at, run_at=at, because="schedule")


def a_new_job(**fields: object) -> Job:
    now = datetime.now(UTC)
    given = {"id": new_id(now), "created_at": now, "task": TASK, "queue": QUEUE}
    return Job(**given | fields)  # type: ignore[arg-type]


def spread(lateness: list[float]) -> str:
    ordered = sorted(lateness)
    at = {name: ordered[int(part * (len(ordered) - 1))] for name, part in PARTS.items()}
    return " ".join(f"{name} {each * 1000:.0f} ms" for name, each in at.items())


PARTS = {"p50": 0.5, "p99": 0.99, "max": 1.0}


@pytest.mark.parametrize("backlog", [0, A_MILLION])
async def test_10000_jobs_due_within_a_minute_are_handed_over_in_time(
    alone: Alone, report: Report, backlog: int
) -> None:
    a_day = 24 * 3600
    await alone.store(waiting(backlog, after=a_day, span=30 * a_day))
    idle = await alone.commands_a_second(20)
    jobs = list(waiting(10_000, after=10, span=60))
    await alone.store(jobs)
    await eventually(lambda: len(alone.heard_at) == len(jobs), within=120)
    late = [(alone.heard_at[job.id] - job.due_at).total_seconds() for job in jobs if job.due_at]
    report(f"{len(jobs)} due in a minute, {backlog} waiting behind them: {spread(late)}")
    report(f"  idle, with {backlog} waiting: {idle:.1f} commands a second")
    assert min(late) > -0.005  # the database's clock and ours are the same
    assert sorted(late)[int(0.99 * len(late))] < 0.1
    assert idle < 15


async def test_100000_jobs_due_at_one_instant_harm_nothing(alone: Alone, report: Report) -> None:
    jobs = list(waiting(100_000, after=20, span=0))
    await alone.store(jobs)
    most = 0

    async def all_heard() -> bool:
        nonlocal most
        in_broker = {"status": "queued", "published": True}
        most = max(most, await alone.database[JOBS].count_documents(in_broker))
        return len(alone.heard_at) == len(jobs)

    await eventually(all_heard, within=300)
    last = max(alone.heard_at[job.id] for job in jobs) - (jobs[0].due_at or datetime.now(UTC))
    report(
        f"100,000 due at once: the last was handed over after {last.total_seconds():.1f} s, "
        f"at most {most} in the broker, {alone.bells} bells"
    )
    assert most <= WINDOW * 1.1

    async def released() -> bool:
        return await alone.database[QUEUES].count_documents({"holding": True}) == 0

    await eventually(released, within=10)


async def test_what_expires_does_so_within_two_seconds(alone: Alone, report: Report) -> None:
    at = datetime.now(UTC) + timedelta(seconds=10)
    due = at + timedelta(hours=1)
    jobs = [a_new_job(status=Status.WAITING, due_at=due, expires_at=at) for _ in range(5000)]
    await alone.store(jobs)

    async def settled() -> bool:
        ended = {"status": "expired", "unsettled": None}
        return await alone.database[JOBS].count_documents(ended) == len(jobs)

    await eventually(settled, within=60)
    found = await alone.database[JOBS].find({}, {"finished_at": 1}).to_list(None)
    late = [(each["finished_at"] - at).total_seconds() for each in found]
    report(f"5,000 expired at once: {spread(late)} late")
    assert sorted(late)[0] >= 0
    assert min(late) < 2


async def test_a_hundred_thousand_old_ends_are_forgotten_beside_those_that_stay(
    alone: Alone, report: Report
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=8)

    def ended(count: int, **fields: object) -> Iterator[Job]:
        for n in range(count):
            at = long_ago + timedelta(milliseconds=n)
            yield a_new_job(status=Status.SUCCEEDED, finished_at=at, **fields)

    watch = Stopwatch()
    await alone.store(ended(50_000, retention_s=365 * 24 * 3600.0))
    await alone.store(ended(100_000))

    async def forgotten() -> bool:
        return await alone.database[JOBS].count_documents({}) == 50_000

    await eventually(forgotten, within=300)
    report(f"100,000 old ends stored and forgotten in {watch():.0f} s")
    assert await alone.database[TOMBSTONES].estimated_document_count() == 100_000
    assert await alone.database[JOBS].count_documents({"retention_s": None}) == 0
