"""Forgetting in MongoDB: a tombstone stays, only ends go, and the live path is not looked at."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.moves import ENDS, Status
from shared.infrastructure.collections import JOBS, LOGS, TOMBSTONES
from shared.infrastructure.job_reports import JobReports, encode_line
from shared.infrastructure.retention import Retention
from tests.builders import a_job, a_job_in
from tests.conformance.profiling import profiled
from tests.conformance.store import Store

WEEK = timedelta(days=7)


@pytest.fixture
def retention(store: Store) -> Retention:
    return Retention(store.database)


def ended_ago(age: timedelta, **fields: object) -> Job:
    at = (datetime.now(UTC) - age).replace(microsecond=0)
    return a_job_in(Status.SUCCEEDED, finished_at=at, **fields)


@pytest.mark.parametrize("status", Status)
async def test_only_a_job_that_has_ended_is_forgotten(
    store: Store, retention: Retention, status: Status
) -> None:
    job = a_job_in(status)
    await store.has(job)
    assert await retention.forget([job.id, new_id(datetime.now(UTC))]) == (status in ENDS)
    assert await store.jobs.count_documents({}) == (status not in ENDS)
    assert await store.database[TOMBSTONES].count_documents({}) == (status in ENDS)


async def test_a_tombstone_and_no_log_line_stays_of_it(store: Store, retention: Retention) -> None:
    gone, kept = ended_ago(WEEK), a_job()
    await store.has(gone, kept)
    now = datetime.now(UTC)
    lines = [encode_line(job, level="info", message="x", fields={}, at=now) for job in (gone, kept)]
    await JobReports(store.database).add_lines(lines)
    assert await retention.forget([gone.id, kept.id]) == 1
    assert [each["job_id"] for each in await store.database[LOGS].find({}).to_list(None)] == [
        kept.id
    ]
    [stone] = await store.database[TOMBSTONES].find({}).to_list(None)
    assert stone["_id"] == gone.id
    assert await retention.forget([gone.id]) == 0


async def test_an_end_whose_follow_ups_are_not_done_is_kept(
    store: Store, retention: Retention
) -> None:
    job = ended_ago(2 * WEEK, unsettled=True)
    await store.has(job)
    assert await retention.forget([job.id]) == 0
    assert await retention.ended_before(WEEK, since=None) == []


async def test_a_forgetting_that_was_cut_off_is_finished_by_the_next(
    store: Store, retention: Retention
) -> None:
    job = ended_ago(WEEK)
    await store.has(job)
    await store.database[TOMBSTONES].insert_one({"_id": job.id, "at": datetime.now(UTC)})
    assert await retention.forget([job.id]) == 1


async def test_more_than_one_batch_is_forgotten(store: Store, retention: Retention) -> None:
    jobs = [ended_ago(WEEK) for _ in range(1200)]
    await store.has(*jobs)
    assert await retention.forget([job.id for job in jobs]) == 1200
    assert await store.jobs.count_documents({}) == 0


async def test_the_oldest_ends_are_found_first_and_those_with_their_own_time_are_not(
    store: Store, retention: Retention
) -> None:
    days = [timedelta(days=n) for n in (9, 8, 6)]
    oldest, old, young = (ended_ago(each) for each in days)
    await store.has(young, old, oldest, ended_ago(9 * WEEK, retention_s=1.0), a_job())
    found = await retention.ended_before(WEEK, since=None)
    assert found == [(oldest.id, oldest.finished_at), (old.id, old.finished_at)]
    assert await retention.ended_before(WEEK, since=old.finished_at) == found[1:]
    assert await retention.ended_before(WEEK, since=None, most=1) == found[:1]


async def test_each_retention_that_jobs_ask_for_is_found_with_what_has_had_it(
    store: Store, retention: Retention
) -> None:
    minute = ended_ago(timedelta(seconds=90), retention_s=60.0)
    hour = ended_ago(timedelta(seconds=90), retention_s=3600.0)
    await store.has(minute, hour, a_job(retention_s=60.0))
    assert await retention.next_of_their_own(-1) == 60
    assert await retention.next_of_their_own(60) == 3600
    assert await retention.next_of_their_own(3600) is None
    assert await retention.past_their_own(60) == [minute.id]
    assert await retention.past_their_own(3600) == []


async def test_history_that_is_kept_longer_does_not_block_the_way(
    store: Store, retention: Retention
) -> None:
    a_year = 365 * 24 * 3600.0
    await store.has(*(ended_ago(WEEK + n * WEEK / 300, retention_s=a_year) for n in range(300)))
    job = ended_ago(WEEK + timedelta(hours=1))
    await store.has(job)
    [(_, at)] = await retention.ended_before(WEEK, since=None)
    async with profiled(store.database, JOBS) as seen:
        await retention.ended_before(WEEK, since=at)
        await retention.next_of_their_own(-1)
        await retention.past_their_own(a_year)
    assert max(each["docsExamined"] for each in seen) <= 12
    assert {each["planSummary"] for each in seen} == {
        "IXSCAN { finished_at: 1 }",
        "IXSCAN { retention_s: 1, finished_at: 1 }",
    }
