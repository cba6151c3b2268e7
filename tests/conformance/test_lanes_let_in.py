"""Jobs that are let into their lane before they are stored, and attempts that make sure of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from shared.contracts.job import Job
from shared.contracts.lanes import holds_its_lanes
from shared.contracts.moves import Move
from shared.infrastructure.collections import LANES
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_times import JobTimes
from shared.infrastructure.lanes.admissions import Admissions
from shared.infrastructure.lanes.sweep import LaneSweep
from tests.conformance.lane_play import claimed, holders, statuses, waiting
from tests.conformance.store import Store


async def stored_as_let_in(store: Store, admissions: Admissions, *jobs: Job) -> list[Job]:
    """Store jobs as a gateway does; return those that were let in."""
    let_in = (await admissions.let_in(jobs)).ids
    await store.has(*[job.let_in() if job.id in let_in else job for job in jobs])
    return [job for job in jobs if job.id in let_in]


async def holds(admissions: Admissions, job: Job) -> bool:
    return holds_its_lanes(job, await admissions.rows.lanes(job.keys))


async def test_a_new_job_is_stored_as_the_holder_of_a_free_lane(
    store: Store, admissions: Admissions
) -> None:
    low, first, second = waiting("k", priority=1), waiting("k"), waiting("k")
    assert await stored_as_let_in(store, admissions, low, first, second) == [first]
    assert await holders(store.database, "k") == [first.id]
    assert await statuses(store, [first, second, low]) == ["queued", "waiting", "waiting"]
    running = await claimed(store.database, first)
    assert (running.turn, running.lane, running.because) == (1, None, None)
    assert await holds(admissions, running)
    over = End(job=running, result="1")
    await JobEnds(store.database).write([over])
    assert [each.id for each in await admissions.settle([over.after])] == [second.id]
    assert await holds(admissions, await claimed(store.database, second, "t2"))


async def test_who_comes_later_stands_in_line_behind_those_who_wait(
    store: Store, admissions: Admissions
) -> None:
    await store.has(early := waiting("k"))
    tried = await admissions.let_in([waiting("k", priority=9)])
    assert (tried.ids, [each.id for each in tried.runnable]) == (set(), [early.id])
    assert await holders(store.database, "k") == [early.id]
    assert not (await admissions.let_in([waiting("k")])).ids, "the lane is full"
    assert not (await admissions.let_in([waiting("a", "b")])).ids, "two keys are taken in turn"
    await store.database[LANES].insert_one({"_id": "held", "holders": [], "held": {"by": "me"}})
    assert not (await admissions.let_in([waiting("held")])).ids


async def test_of_many_gateways_at_once_one_lets_a_job_in(
    store: Store, admissions: Admissions
) -> None:
    jobs = [waiting("k") for _ in range(8)]
    let_in = await asyncio.gather(*(admissions.let_in([job]) for job in jobs))
    assert sum(len(each.ids) for each in let_in) == 1
    assert len(await holders(store.database, "k")) == 1


async def test_a_lane_whose_job_was_never_stored_is_found_and_the_job_holds_nothing_then(
    store: Store, admissions: Admissions
) -> None:
    late, next_one = waiting("k"), waiting("k")
    assert (await admissions.let_in([late])).ids == {late.id}
    await store.has(next_one)
    found = await LaneSweep(store.database).holders()
    assert set(found.over) == {late.id}
    runnable = await admissions.pass_on(dict.fromkeys(found.keys, 1), found.over)
    assert [each.id for each in runnable] == [next_one.id]

    await store.has(late.let_in())  # whoever was to store it slept meanwhile
    running = await claimed(store.database, late)
    assert not await holds(admissions, running)
    end = End(job=running, verdict=Move.STAND_IN_LINE)
    assert await JobEnds(store.database).write([end]) == []
    stored = await store.read(late)
    assert (stored.status, stored.lane, stored.attempt, stored.starts) == ("waiting", "k", 0, 0)
    assert end.has_followers
    assert end.event == "job.waiting"
    assert await admissions.settle([end.after]) == []
    over = End(job=await claimed(store.database, next_one, "t2"), result="1")
    await JobEnds(store.database).write([over])
    assert [each.id for each in await admissions.settle([over.after])] == [late.id]
    assert await holds(admissions, await claimed(store.database, late, "t3"))


async def test_a_turn_of_the_past_is_no_place_in_a_lane(
    store: Store, admissions: Admissions
) -> None:
    """The lane was written with a job's second turn, and that write was lost with a primary."""
    job = waiting("k", max_attempts=3)
    await stored_as_let_in(store, admissions, job)
    before = await store.database[LANES].find_one({"_id": "k"})
    assert before is not None
    end = End(
        job=await claimed(store.database, job), verdict=Move.SNOOZE, delay=timedelta(seconds=-1)
    )
    await JobEnds(store.database).write([end])
    assert await admissions.settle([end.after]) == []
    assert await JobTimes(store.database).line_up([job.id]) == 1
    await admissions.settle([await store.read(job)])
    running = await claimed(store.database, job, "t2")
    assert await holds(admissions, running)
    await store.database[LANES].replace_one({"_id": "k"}, before)
    assert not await holds(admissions, running)
    assert await holds(admissions, replace(running, turn=None)), "stored before turns were noted"
