"""Schedules in MongoDB: kept as they are, changed on what was read, found when they are due."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.contracts.errors import NotFound, ScheduleExists
from shared.contracts.moves import Status
from shared.contracts.schedule import Held, Making, Overlap
from shared.infrastructure.collections import JOBS, SCHEDULES
from shared.infrastructure.mongo import Database
from shared.infrastructure.schedule_documents import advanced
from shared.infrastructure.scheduled_jobs import ScheduledJobs
from shared.infrastructure.schedules import ScheduleStore
from tests.builders import LATER, NOON, a_job, a_schedule
from tests.conformance.profiling import profiled
from tests.conformance.store import Store

SECOND = timedelta(seconds=1)


@pytest.fixture
def schedules(database: Database) -> ScheduleStore:
    return ScheduleStore(database)


async def test_a_schedule_is_read_back_as_it_was_stored(schedules: ScheduleStore) -> None:
    schedule = a_schedule(
        name="nightly",
        definition='{"$x":{"a.b":1}}',
        template=a_job(tags=("a",), metadata='{"$m":1}', timeout_s=1.5),
        every=None,
        cron="@daily",
        timezone="Europe/Berlin",
        start_at=NOON,
        end_at=LATER,
        jitter=1.5 * SECOND,
        delay=SECOND,
        expires_in=2 * SECOND,
        overlap=Overlap.BUFFER_ALL,
        declared_by="tasks",
        note="$note",
        making=(Making(nominal_at=NOON, job_id="j"),),
        buffered=(Held(nominal_at=NOON), Held(nominal_at=LATER, until=LATER, cancels=True)),
        fired=3,
        next_at=NOON,
    )
    await schedules.add(schedule)
    await schedules.add(schedule)
    assert await schedules.get(schedule.id) == schedule
    assert await schedules.read([schedule.id, "other"]) == [schedule]


async def test_a_schedule_that_is_not_there_is_not_found(schedules: ScheduleStore) -> None:
    with pytest.raises(NotFound, match="there is no schedule other"):
        await schedules.get("other")
    assert not await schedules.remove("other")


async def test_a_name_belongs_to_one_schedule(schedules: ScheduleStore) -> None:
    first, second = a_schedule(name="nightly"), a_schedule(name="weekly")
    await schedules.add(first)
    await schedules.add(second)
    await schedules.add(a_schedule())
    await schedules.add(a_schedule())
    with pytest.raises(ScheduleExists, match="'nightly'"):
        await schedules.add(a_schedule(name="nightly"))
    with pytest.raises(ScheduleExists, match="'nightly'"):
        await schedules.replace(second, replace(second, name="nightly"))
    assert await schedules.remove(first.id)
    assert await schedules.replace(second, replace(second, name="nightly"))


async def test_a_state_is_stored_only_on_the_revision_that_was_read(
    schedules: ScheduleStore,
) -> None:
    first, second = a_schedule(note="old", next_at=NOON), a_schedule()
    await schedules.add(first)
    await schedules.add(second)
    changed = replace(first, paused=True, note=None, next_at=None, cursor=LATER, fired=1)
    stale = replace(second, rev=7)
    assert await schedules.save([(first, changed), (stale, replace(stale, fired=9))]) == 1
    assert await schedules.save([(first, changed)]) == 0
    assert await schedules.get(first.id) == advanced(changed)
    assert await schedules.get(second.id) == second


async def test_pages_hold_the_newest_first_and_go_on_behind_an_id(
    schedules: ScheduleStore,
) -> None:
    added = [a_schedule(id=f"{n}", template=a_job(task=f"t{n % 2}")) for n in range(4)]
    for schedule in added:
        await schedules.add(schedule)
    assert [s.id for s in await schedules.page({}, size=3, after=None)] == ["3", "2", "1"]
    assert [s.id for s in await schedules.page({"task": "t0"}, size=3, after="2")] == ["0"]


async def test_what_is_due_is_found_by_the_clock_of_the_database(
    schedules: ScheduleStore, database: Database
) -> None:
    assert (await schedules.due(most=9), await schedules.until_due()) == ((None, []), None)
    now = await schedules.now()
    later = a_schedule(next_at=now + timedelta(seconds=30))
    for schedule in (a_schedule(), later):
        await schedules.add(schedule)
    away = await schedules.until_due()
    assert away is not None
    assert timedelta(seconds=25) < away <= timedelta(seconds=30)
    old = [a_schedule(next_at=now - n * SECOND) for n in (1, 3, 2)]
    for schedule in old:
        await schedules.add(schedule)
    seen, found = await schedules.due(most=9)
    assert [each.next_at for each in found] == [now - n * SECOND for n in (3, 2, 1)]
    assert seen is not None
    assert now <= seen < now + 5 * SECOND


async def test_looking_for_what_is_due_goes_by_indexes(
    schedules: ScheduleStore, database: Database, store: Store
) -> None:
    now = await schedules.now()
    for n in range(40):
        await schedules.add(a_schedule(next_at=now + (n - 2.5) * timedelta(minutes=1)))
    await store.has(*(a_job(schedule_id="s", nominal_at=NOON + n * SECOND) for n in range(30)))
    await store.has(
        *(
            a_job(schedule_id="t", nominal_at=NOON + n * SECOND, status=Status.SUCCEEDED)
            for n in range(30)
        )
    )
    jobs = ScheduledJobs(database)
    async with profiled(database, SCHEDULES) as seen:
        await schedules.until_due()
        await schedules.due(most=100)
    async with profiled(database, JOBS) as seen_jobs:
        await jobs.unfinished(["t", "u"])
        await jobs.latest("s", most=10)
        await jobs.nominal_times("s", after=NOON, until=NOON + 5 * SECOND)
    assert [each["docsExamined"] for each in seen] == [0, 3]
    assert [each["docsExamined"] for each in seen_jobs] == [0, 10, 0]


async def test_a_job_out_of_turn_takes_the_next_free_millisecond(database: Database) -> None:
    jobs = ScheduledJobs(database)
    first = await jobs.add_out_of_turn(a_job(schedule_id="s", nominal_at=NOON))
    again = await jobs.add_out_of_turn(first)
    second = await jobs.add_out_of_turn(a_job(schedule_id="s", nominal_at=NOON))
    assert (first.nominal_at, again.nominal_at) == (NOON, NOON)
    assert second.nominal_at == NOON + timedelta(milliseconds=1)
    assert len(await database[JOBS].find({}).to_list(None)) == 2
