"""Schedules in code, stored by every worker that starts: one each, and an operator's word holds."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.contracts.schedule import Schedule
from shared.infrastructure.mongo import Database
from shared.infrastructure.schedules import ScheduleStore
from tests.builders import NOON, a_schedule
from worker.declared_schedules import declare

SOURCE = "shop.tasks"


def _in_code(**overrides: Any) -> Schedule:
    given = {"id": "s1", "declared_by": SOURCE, "declared": "one", "cursor": NOON}
    return a_schedule(**given | overrides)


async def _stored(database: Database) -> list[Schedule]:
    return await ScheduleStore(database).page({}, size=10, after=None)


async def test_workers_that_start_at_once_store_it_once_and_from_now_on(
    database: Database,
) -> None:
    store = ScheduleStore(database)
    await asyncio.gather(*(declare(store, [_in_code()], source=SOURCE) for _ in range(5)))
    [stored] = await _stored(database)
    now = await store.now()
    assert now - timedelta(seconds=10) < stored.cursor <= now
    assert stored.next_at is not None


async def test_what_has_not_changed_in_code_stays_as_an_operator_left_it(
    database: Database,
) -> None:
    store = ScheduleStore(database)
    await declare(store, [_in_code()], source=SOURCE)
    [before] = await _stored(database)
    await store.save([(before, before.pause("by hand", now=NOON))])
    [paused] = await _stored(database)
    await declare(store, [_in_code()], source=SOURCE)
    assert await _stored(database) == [paused]


async def test_what_changes_in_code_changes_and_stays_paused(database: Database) -> None:
    store = ScheduleStore(database)
    await declare(store, [_in_code()], source=SOURCE)
    [before] = await _stored(database)
    await store.save([(before, replace(before.pause("by hand", now=NOON), fired=7))])
    changed = _in_code(declared="two", every=timedelta(minutes=1))
    await declare(store, [changed], source=SOURCE)
    [after] = await _stored(database)
    assert (after.every, after.declared, after.fired) == (timedelta(minutes=1), "two", 7)
    assert (after.paused, after.note, after.next_at) == (True, "by hand", None)


async def test_what_left_the_code_goes_and_nothing_else_does(database: Database) -> None:
    store = ScheduleStore(database)
    await store.add(a_schedule(id="by-hand"))
    await declare(store, [_in_code(id="other", declared_by="other")], source="other")
    await declare(store, [_in_code()], source=SOURCE)
    await declare(store, [], source=SOURCE)
    assert {schedule.id for schedule in await _stored(database)} == {"by-hand", "other"}
