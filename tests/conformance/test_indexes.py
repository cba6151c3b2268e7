"""Indexes: made by whoever comes first, and used by every query that runs again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from api.listing import ListQuery, page_query
from shared.contracts.attempt import Progress
from shared.contracts.errors import BadSetting
from shared.contracts.moves import Status
from shared.infrastructure.collections import INDEXES, JOBS, WORKERS, ensure_indexes
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_inserts import JobInserts
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.job_reports import JobReports
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.job_times import JobTimes
from shared.infrastructure.job_window import JobWindow
from shared.infrastructure.mongo import Database
from shared.infrastructure.retention import Retention
from shared.infrastructure.workers import Workers
from tests.builders import LATER, NOON, a_claim, a_job, a_job_in
from tests.conformance.profiling import profiled
from tests.conformance.store import Store

HOUR = timedelta(hours=1)


async def test_indexes_can_be_ensured_again_and_by_many_at_once(database: Database) -> None:
    await asyncio.gather(*(ensure_indexes(database) for _ in range(4)))
    for name, indexes in INDEXES.items():
        there = await database[name].index_information()
        assert len(there) == len(indexes) + 1  # and the one on _id


async def test_an_index_that_differs_is_refused_with_what_to_do(
    database: Database, own_name: str
) -> None:
    other = database.client.get_database(own_name)
    await other[JOBS].create_index([("queue", 1)], name="runnable")
    with pytest.raises(BadSetting, match=r"indexes of jobs .*\n?.*drop them once"):
        await ensure_indexes(other)
    await database.client.drop_database(own_name)


@pytest.fixture
async def history(store: Store) -> Store:
    """A database in which looking at everything is not the cheapest plan."""
    await store.has(*(a_job_in(Status.SUCCEEDED, result="1", tags=("t",)) for _ in range(200)))
    await store.has(*(a_job_in(Status.RUNNING) for _ in range(20)))
    await store.has(*(a_job(published=n % 2 == 0) for n in range(100)))
    await store.has(*(a_job_in(Status.FAILED, unsettled=True) for _ in range(3)))
    return store


Query = Callable[[Database], Awaitable[object]]

KEEPER: dict[str, Query] = {
    "unrung at all": lambda db: JobWindow(db).bands_unrung(
        queues=["default", "mail"], tasks=["math.add"], before=LATER + HOUR
    ),
    "unrung": lambda db: JobWindow(db).unrung("default", tasks=["math.add"], most=2000),
    "bands with bells": lambda db: JobWindow(db).bands_rung(),
    "old bells": lambda db: JobWindow(db).has_old_bells("default", HOUR),
    "due": lambda db: JobTimes(db).due_within(HOUR, most=1000),
    "late to open": lambda db: JobTimes(db).late_to_open(HOUR, most=100),
    "expiring": lambda db: JobTimes(db).expiring(most=1000),
    "held by a worker": lambda db: JobRescue(db).held_by("worker-1", most=500),
    "workers of running jobs": lambda db: JobRescue(db).workers_of_running_jobs(),
    "unsettled": lambda db: JobRescue(db).unsettled(HOUR, most=500),
    "long unsettled": lambda db: JobRescue(db).unsettled_for(HOUR, most=100),
    "old ends": lambda db: Retention(db).ended_before(HOUR, since=None, most=100),
    "own retentions": lambda db: Retention(db).next_of_their_own(-1),
    "old ends with their own": lambda db: Retention(db).past_their_own(60, most=100),
    "ended since": lambda db: JobReads(db).ended_since(NOON, most=5000),
}
LISTS: dict[str, ListQuery] = {
    "all": ListQuery(),
    "status": ListQuery(status=[Status.FAILED]),
    "task": ListQuery(task="math.add"),
    "tag": ListQuery(tag="t"),
    "created": ListQuery(created_after=NOON, created_before=LATER),
    "oldest first": ListQuery(order="created_at"),
}


@pytest.mark.parametrize("name", KEEPER)
async def test_what_the_keeper_asks_every_second_is_served_by_an_index(
    history: Store, name: str
) -> None:
    async with profiled(history.database, JOBS) as seen:
        await KEEPER[name](history.database)
    assert seen
    assert [each["planSummary"] for each in seen if "COLLSCAN" in each["planSummary"]] == []
    looked_at = sum(each["docsExamined"] for each in seen)
    assert looked_at <= 210  # never the whole collection


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_is_served_by_an_index_and_reads_little_more_than_its_page(
    history: Store, name: str
) -> None:
    page = page_query(LISTS[name])
    async with profiled(history.database, JOBS) as seen:
        await JobReads(history.database).page(
            page.filters, size=20, newest_first=page.newest_first, after=page.after
        )
    [one] = seen
    assert "COLLSCAN" not in one["planSummary"]
    assert not one.get("hasSortStage", False)
    assert one["docsExamined"] <= 25


async def test_writes_and_reads_of_known_jobs_go_by_their_ids(history: Store) -> None:
    database, jobs = history.database, await history.has_claimed(3)
    queued = [a_job() for _ in range(3)]
    await history.has(*queued)
    ids = [job.id for job in queued]
    claims = JobClaims(database, tasks=["math.add"])
    ends = JobEnds(database)
    async with profiled(database, JOBS) as seen:
        await JobInserts(database).mark_published(ids)
        await claims.claim(ids, a_claim(token="many"))
        await claims.claim(ids[:1], a_claim(token="one"))
        await claims.leave_to_others(ids)
        await claims.mark_alone(ids[0], a_claim(token="many"))
        await JobReports(database).show_progress([(jobs[0], Progress(current=1))])
        await ends.write([End(job=job, result="1") for job in jobs[:2]])
        await ends.write([End(job=jobs[1], result="1")])
        await JobMoves(database).apply(jobs[2], jobs[2].handed_back(at=LATER), at=LATER)
        await JobReads(database).get(ids[0])
        await JobReads(database).get_many(ids)
        await JobReads(database).versions(ids)
    plans = {each["planSummary"] for each in seen if each["planSummary"]}
    assert plans <= {"IDHACK", "IXSCAN { _id: 1 }"}
    assert max(each.get("docsExamined", 0) for each in seen) <= 3


async def test_the_rows_of_workers_are_found_by_an_index(database: Database) -> None:
    gone = [{"_id": f"w{n}", "state": "dead", "gone_at": NOON} for n in range(50)]
    await database[WORKERS].insert_many(gone)
    async with profiled(database, WORKERS) as seen:
        await Workers(database).live()
        await Workers(database).bury_expired()
    assert [each["planSummary"] for each in seen if "COLLSCAN" in each["planSummary"]] == []


async def test_indexes_of_earlier_versions_are_dropped(database: Database) -> None:
    await database[JOBS].create_index([("queue", 1)], name="window")
    await asyncio.gather(*(ensure_indexes(database) for _ in range(3)))
    assert "window" not in await database[JOBS].index_information()
