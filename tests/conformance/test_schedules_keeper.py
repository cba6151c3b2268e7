"""The keeper of schedules, with a real MongoDB: however many there are, and whenever one dies."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.contracts.errors import StoreUnavailable
from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.schedule import Making, Overlap, Schedule
from shared.infrastructure.collections import JOBS, SCHEDULES, TOMBSTONES
from shared.infrastructure.documents import from_document
from shared.infrastructure.job_inserts import Encoded, JobInserts
from shared.infrastructure.mongo import Database
from shared.infrastructure.scheduled_jobs import ScheduledJobs
from shared.infrastructure.schedules import Change, ScheduleStore
from tests.builders import LATER, NOON, a_job, a_schedule
from tests.conformance.store import Store
from tests.fakes.broker import FakeHints
from worker.keeper.schedules import Schedules

SECOND = timedelta(seconds=1)


async def _due(database: Database, *, times: int = 3, **overrides: Any) -> Schedule:
    """Store a schedule of which so many times have come, each second one, and none will come."""
    last = (await ScheduleStore(database).now()).replace(microsecond=0)
    cursor = last - times * SECOND
    given = {"overlap": Overlap.ALLOW_ALL, "cursor": cursor, "next_at": cursor, "end_at": last}
    schedule = a_schedule(id=new_id(last), **given | overrides)
    await ScheduleStore(database).add(schedule)
    return schedule


class Keeper(Schedules):
    """A keeper with real stores, whose bells and cancels are only noted."""

    def __init__(self, database: Database, **parts: Any) -> None:
        self.rung: list[tuple[str, str]] = []
        self.cancelled: list[str] = []
        self.lanes: list[str] = []
        self.hints = FakeHints()
        given: dict[str, Any] = {
            "store": ScheduleStore(database),
            "jobs": ScheduledJobs(database),
            "inserts": JobInserts(database),
            "hints": self.hints,
            "ring": self._note_bells,
            "cancel": self._note_cancels,
            "line_up": self._note_lanes,
        }
        super().__init__(**given | parts)

    async def _note_bells(self, jobs: Iterable[tuple[str, str]]) -> int:
        self.rung += jobs
        return len(self.rung)

    async def _note_cancels(self, jobs: Sequence[Job]) -> None:
        self.cancelled += [job.id for job in jobs]

    async def _note_lanes(self, keys: Iterable[str], *, impatient: Sequence[str] = ()) -> None:
        self.lanes += keys


async def _jobs(database: Database) -> list[Job]:
    return list(map(from_document, await database[JOBS].find({}).sort("nominal_at").to_list(None)))


async def _nominal(database: Database) -> list[datetime | None]:
    return [job.nominal_at for job in await _jobs(database)]


async def test_each_time_that_has_come_becomes_one_job(database: Database) -> None:
    schedule, keeper = await _due(database), Keeper(database)

    assert await keeper.fire() == 3

    expected = [fire.at for fire in schedule.fires(after=schedule.cursor, until=None, most=3)]
    jobs = await _jobs(database)
    assert [job.nominal_at for job in jobs] == expected
    assert {job.schedule_id for job in jobs} == {schedule.id}
    assert keeper.rung == [(job.queue, job.id) for job in jobs]
    assert len(keeper.hints.told) == 3
    stored = await ScheduleStore(database).get(schedule.id)
    assert (stored.cursor, stored.fired, stored.making) == (expected[-1], 3, ())
    assert stored.next_at is None
    assert await keeper.fire() == 0


async def test_a_job_with_jitter_waits_and_wakes_the_loop_that_opens_it(
    database: Database,
) -> None:
    schedule, keeper = await _due(database, jitter=timedelta(hours=1)), Keeper(database)
    await keeper.fire()
    jobs = await _jobs(database)
    assert {job.status for job in jobs} == {Status.WAITING}
    for job in jobs:
        assert job.nominal_at is not None
        assert job.due_at == job.nominal_at + schedule.jitter_of(job.nominal_at)
    assert (keeper.rung, len(keeper.hints.due)) == ([], 3)


async def test_many_keepers_at_once_submit_each_time_once(database: Database) -> None:
    made = [await _due(database, times=4) for _ in range(5)]
    await asyncio.gather(*(Keeper(database).fire() for _ in range(6)))
    while await Keeper(database).fire():
        pass
    jobs = await _jobs(database)
    assert len(jobs) == len({(job.schedule_id, job.nominal_at) for job in jobs}) == 20
    assert [(await ScheduleStore(database).get(s.id)).fired for s in made] == [4] * 5


class Dying(Exception):
    """The keeper is killed here."""


class DyingStore(ScheduleStore):
    """Writes, and is killed before or after the n-th write."""

    def __init__(self, database: Database, *, before: int = 0, after: int = 0) -> None:
        super().__init__(database)
        self._before, self._after, self._saves = before, after, 0

    async def save(self, changes: Iterable[Change]) -> int:
        self._saves += 1
        if self._saves == self._before:
            raise Dying
        saved = await super().save(changes)
        if self._saves == self._after:
            raise Dying
        return saved


class DyingInserts(JobInserts):
    """Is killed when the jobs have been stored."""

    async def insert(self, documents: Sequence[Encoded]) -> set[str]:
        await super().insert(documents)
        raise Dying


@pytest.mark.parametrize("policy", Overlap)
@pytest.mark.parametrize("where", ["undecided", "decided", "stored", "unmarked", "done"])
async def test_a_keeper_that_dies_anywhere_loses_and_doubles_nothing(
    database: Database, where: str, policy: Overlap
) -> None:
    schedule = await _due(database, times=1, overlap=policy)
    [expected] = [fire.at for fire in schedule.fires(after=schedule.cursor, until=None, most=1)]
    dying: dict[str, dict[str, Any]] = {
        "undecided": {"store": DyingStore(database, before=1)},
        "decided": {"store": DyingStore(database, after=1)},
        "stored": {"inserts": DyingInserts(database)},
        "unmarked": {"store": DyingStore(database, before=2)},
        "done": {"store": DyingStore(database, after=2)},
    }
    with pytest.raises(Dying):
        await Keeper(database, **dying[where]).fire()

    await asyncio.gather(*(Keeper(database).fire() for _ in range(3)))

    assert await _nominal(database) == [expected]
    stored = await ScheduleStore(database).get(schedule.id)
    assert (stored.fired, stored.skipped, stored.making) == (1, 0, ())


async def test_an_earlier_job_decides_whether_a_time_is_skipped(
    database: Database, store: Store
) -> None:
    schedule = await _due(database, overlap=Overlap.SKIP)
    earlier = a_job(schedule_id=schedule.id, nominal_at=NOON, created_at=NOON)
    await store.has(earlier)
    await Keeper(database).fire()
    stored = await ScheduleStore(database).get(schedule.id)
    assert (stored.fired, stored.skipped, await _nominal(database)) == (0, 3, [NOON])


async def test_what_another_keeper_has_decided_is_not_decided_again(
    database: Database, store: Store
) -> None:
    """One finds the earlier job unfinished; before it writes, the other finds that it has ended."""
    schedule = await _due(database, times=1, overlap=Overlap.SKIP)
    earlier = a_job(schedule_id=schedule.id, nominal_at=NOON, created_at=NOON)
    await store.has(earlier)

    class Overtaken(ScheduleStore):
        async def save(self, changes: Iterable[Change]) -> int:
            ended = {"$set": {"status": "succeeded"}}
            if (await database[JOBS].update_one({"status": "queued"}, ended)).modified_count:
                assert await Keeper(database).fire() == 1
            return await super().save(changes)

    assert await Keeper(database, store=Overtaken(database)).fire() == 0
    stored = await ScheduleStore(database).get(schedule.id)
    assert (stored.fired, stored.skipped, len(await _jobs(database))) == (1, 0, 2)


async def test_cancel_other_asks_until_the_earlier_job_has_ended(
    database: Database, store: Store
) -> None:
    schedule = await _due(database, times=1, overlap=Overlap.CANCEL_OTHER)
    earlier = a_job(schedule_id=schedule.id, nominal_at=NOON, created_at=NOON)
    await store.has(earlier)
    keeper = Keeper(database)
    await keeper.fire()
    assert (keeper.cancelled, len(await _jobs(database))) == ([earlier.id], 1)

    await database[JOBS].update_one({"_id": earlier.id}, {"$set": {"status": "cancelled"}})
    await database[SCHEDULES].update_one({"_id": schedule.id}, {"$set": {"next_at": NOON}})
    await keeper.fire()
    jobs = await _jobs(database)
    assert (len(jobs), jobs[0].id) == (2, earlier.id)


async def test_a_job_that_was_forgotten_meanwhile_is_not_submitted_again(
    database: Database,
) -> None:
    job_id = new_id(NOON)
    making = (Making(nominal_at=NOON, job_id=job_id),)
    schedule = await _due(database, times=0, making=making, next_at=NOON)
    await database[TOMBSTONES].insert_one({"_id": job_id, "at": LATER})
    await Keeper(database).fire()
    assert await _jobs(database) == []
    assert (await ScheduleStore(database).get(schedule.id)).making == ()


async def test_a_schedule_that_cannot_be_read_any_more_is_paused_and_others_go_on(
    database: Database,
) -> None:
    broken = await _due(database, every=None, cron="@daily", timezone="Atlantis/Capital")
    await _due(database)
    assert await Keeper(database).fire() == 3
    stored = await ScheduleStore(database).get(broken.id)
    assert (stored.paused, stored.next_at) == (True, None)
    assert "there is no time zone 'Atlantis/Capital'" in (stored.note or "")


async def test_while_the_jobs_cannot_be_stored_the_decision_waits(database: Database) -> None:
    schedule = await _due(database)

    class Away(JobInserts):
        async def insert(self, documents: Sequence[Encoded]) -> set[str]:
            raise StoreUnavailable("MongoDB did not answer")

    with pytest.raises(StoreUnavailable):
        await Keeper(database, inserts=Away(database)).fire()
    assert len((await ScheduleStore(database).get(schedule.id)).making) == 3
    assert await Keeper(database).fire() == 3
