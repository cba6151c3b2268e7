"""Lanes in MongoDB: passes that race, die half-way or come late never let in one too many."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.job import Job
from shared.contracts.moves import Move, Status
from shared.infrastructure.collections import JOBS, LANES
from shared.infrastructure.documents import to_document
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_times import JobTimes
from shared.infrastructure.lanes.admissions import Admissions
from shared.infrastructure.lanes.impatient import Impatient
from shared.infrastructure.lanes.looks import LaneLooks
from shared.infrastructure.lanes.sweep import LaneSweep
from shared.infrastructure.mongo import Database
from tests.builders import NOON, a_failure, a_job, a_job_in
from tests.conformance.lane_play import claimed, holders, statuses, waiting
from tests.conformance.profiling import profiled
from tests.conformance.store import Store
from tests.eventually import eventually


@pytest.fixture
def ends(database: Database) -> JobEnds:
    return JobEnds(database)


async def test_the_first_in_line_may_run_and_the_others_wait(
    store: Store, admissions: Admissions
) -> None:
    low, first, second = [waiting("k", priority=p) for p in (1, 5, 5)]
    await store.has(low, second, first)
    runnable = await admissions.settle([low, first, second])
    assert [each.id for each in runnable] == [first.id]
    assert await statuses(store, [first, second, low]) == ["queued", "waiting", "waiting"]
    assert await holders(store.database, "k") == [first.id]
    stored = await store.read(first)
    assert (stored.lane, stored.because, stored.version) == (None, None, 2)
    assert stored.queued_at is not None
    assert await admissions.settle([second]) == []


async def test_an_end_lets_the_next_in(store: Store, admissions: Admissions, ends: JobEnds) -> None:
    first, second = waiting("k"), waiting("k")
    await store.has(first, second)
    await admissions.settle([first])
    end = End(job=await claimed(store.database, first), result="1")
    assert end.has_followers
    assert await ends.write([end]) == []
    assert [each.id for each in await admissions.settle([end.after])] == [second.id]
    assert await holders(store.database, "k") == [second.id]


@pytest.mark.parametrize("how", [Move.RETRY, Move.SNOOZE])
async def test_a_job_that_is_put_off_leaves_its_lane_and_a_late_word_of_it_does_no_harm(
    store: Store, admissions: Admissions, ends: JobEnds, how: Move
) -> None:
    first, second = waiting("k", max_attempts=3), waiting("k")
    await store.has(first, second)
    await admissions.settle([first])
    error = a_failure() if how is Move.RETRY else None
    running = await claimed(store.database, first)
    end = End(job=running, error=error, verdict=how, delay=timedelta(0))
    await ends.write([end])
    assert [each.id for each in await admissions.settle([end.after])] == [second.id]
    over = End(job=await claimed(store.database, second), result="1")
    await ends.write([over])
    assert await JobTimes(store.database).line_up([first.id]) == 1
    assert [each.id for each in await admissions.settle([over.after])] == [first.id]
    again = await claimed(store.database, first, "t2")
    await store.has(third := waiting("k"))
    assert await admissions.settle([end.after, third]) == [], "that turn is over, not this one"
    assert await holders(store.database, "k") == [again.id]


async def test_many_passes_at_once_let_in_no_more_than_the_limit(
    store: Store, admissions: Admissions
) -> None:
    jobs = [waiting(f"k{n % 5}", key_limit=2) for n in range(50)]
    await store.has(*jobs)
    shuffled = [random.Random(n).sample(jobs, 20) for n in range(8)]
    await asyncio.gather(*(admissions.settle(each) for each in shuffled))
    await admissions.settle(jobs)
    for n in range(5):
        in_lane = [job for job in jobs if job.keys == (f"k{n}",)]
        assert await statuses(store, in_lane) == ["queued"] * 2 + ["waiting"] * 8
        assert sorted(await holders(store.database, f"k{n}")) == [job.id for job in in_lane[:2]]


async def test_several_keys_are_taken_one_after_the_other_and_left_together(
    store: Store, admissions: Admissions, ends: JobEnds
) -> None:
    other, both, behind = waiting("b"), waiting("a", "b"), waiting("a")
    await store.has(other, both, behind)
    await admissions.settle([other])
    assert await admissions.settle([both, behind]) == []
    assert (await store.read(both)).lane == "b"
    assert await holders(store.database, "a") == [both.id]
    end = End(job=await claimed(store.database, other), result="1")
    await ends.write([end])
    assert [each.id for each in await admissions.settle([end.after])] == [both.id]
    end = End(job=await claimed(store.database, both), result="1")
    await ends.write([end])
    assert [each.id for each in await admissions.settle([end.after])] == [behind.id]
    assert await holders(store.database, "b") == []


async def test_a_job_that_is_cancelled_in_line_after_it_was_read_holds_nothing(
    store: Store, admissions: Admissions
) -> None:
    first, second = waiting("k"), waiting("k")
    await store.has(first, second)
    lines = await admissions.rows.lines({"k": 1})
    gone = first.cancelled(at=NOON)
    await store.jobs.replace_one({"_id": first.id}, to_document(gone))

    async def as_it_was(_: object) -> dict[str, Any]:
        admissions.rows.lines = lines_of  # type: ignore[method-assign]
        return lines

    lines_of, admissions.rows.lines = admissions.rows.lines, as_it_was  # type: ignore[method-assign,assignment]
    runnable = await admissions.settle([first])
    assert [each.id for each in runnable] == [second.id]
    assert await holders(store.database, "k") == [second.id]


async def test_what_nobody_finished_is_found(store: Store, admissions: Admissions) -> None:
    ended, let_in, free = waiting("ended"), waiting("half"), waiting("free")
    behind = waiting("ended")
    await store.has(a_job_in(Status.SUCCEEDED, id=ended.id, keys=("ended",), version=5))
    await store.has(let_in, free, behind)
    rows = [("ended", ended.id, 1), ("half", let_in.id, 1), ("gone", "no-such", 1)]
    await store.database[LANES].insert_many(
        [{"_id": key, "holders": [_holder(job, turn)]} for key, job, turn in rows]
    )
    sweep = LaneSweep(store.database)
    found = await sweep.holders()
    assert set(found.over) == {ended.id, "no-such"}
    assert [each.id for each in found.let_in] == [let_in.id]
    assert await sweep.with_room() == ["free"]
    runnable = await admissions.pass_on(dict.fromkeys(found.keys, 1), found.over)
    runnable += await admissions.let_on(found.let_in)
    runnable += await admissions.pass_on({"free": 1})
    assert {each.id for each in runnable} == {behind.id, let_in.id, free.id}

    async def nothing_is_left() -> bool:  # to be seen once what was written is durable
        found = await sweep.holders()
        return (found.over, found.let_in, await sweep.with_room()) == ({}, (), [])

    await eventually(nothing_is_left, within=5)


def _holder(job_id: str, turn: int) -> dict[str, Any]:
    return {"job": job_id, "turn": turn, "limit": 1}


async def test_empty_lanes_are_forgotten_after_a_while_and_held_ones_are_not(
    store: Store,
) -> None:
    old = datetime.now(UTC) - timedelta(hours=1)
    lanes = store.database[LANES]
    await lanes.insert_many(
        [
            {"_id": "old", "holders": [], "at": old},
            {"_id": "new", "holders": [], "at": datetime.now(UTC)},
            {"_id": "held", "holders": [], "held": {"note": None}, "at": old},
            {"_id": "used", "holders": [_holder("a", 1)], "at": old},
        ]
    )
    await LaneSweep(store.database).holders()
    assert {row["_id"] async for row in lanes.find({})} == {"new", "held", "used"}


async def test_jobs_that_are_not_to_wait_are_turned_away_or_make_room(
    store: Store, admissions: Admissions
) -> None:
    cancelled: list[str] = []

    async def cancel(jobs: Sequence[Job]) -> None:
        cancelled.extend(job.id for job in jobs)

    impatient = Impatient(store.database, admissions, cancel)
    holder, patient = waiting("k"), waiting("k")
    await store.has(holder, patient)
    await admissions.settle([holder])
    choices = ("drop_new", "fail", "cancel_running")
    dropped, failed, urgent = [waiting("k", when_busy=choice) for choice in choices]
    lucky = waiting("free", when_busy="fail")
    retried = waiting("k", when_busy="fail", starts=1)
    await store.has(dropped, failed, urgent, lucky, retried)
    dealt = await impatient.deal_with([dropped.id, failed.id, urgent.id, lucky.id, retried.id])
    assert [each.id for each in dealt.runnable] == [lucky.id]
    assert {job.id for job in dealt.ended} == {dropped.id, failed.id}
    assert await statuses(store, [dropped, failed, urgent, retried]) == [
        "skipped", "failed", "waiting", "waiting",
    ]  # fmt: skip
    error = (await store.read(failed)).error
    assert error is not None
    assert error.type == "key-busy"
    assert holder.id in error.message
    assert cancelled == [holder.id, patient.id]


async def test_looks_and_passes_are_served_by_indexes(store: Store, admissions: Admissions) -> None:
    await store.has(*(a_job_in(Status.SUCCEEDED, keys=("k",)) for _ in range(200)))
    jobs = [waiting(f"k{n % 10}", when_busy="fail" if n % 2 else None) for n in range(100)]
    await store.has(*jobs)
    looks, sweep = LaneLooks(store.database), LaneSweep(store.database)

    async def all_of_it() -> None:
        await admissions.settle(jobs)
        await sweep.holders()
        await sweep.with_room()
        await looks.waiting("k1")
        await looks.oldest("k1")
        await looks.ahead_of(jobs[-1])
        await looks.durations("k", before=jobs[0].id)
        await Impatient(store.database, admissions, _nobody).left_alone()

    async with profiled(store.database, JOBS) as seen:
        await all_of_it()
    assert seen
    plans = {each["planSummary"] for each in seen if each.get("planSummary")}
    assert not [plan for plan in plans if "COLLSCAN" in plan]
    assert "DISTINCT_SCAN" in " ".join(plans), "the first in line costs one look for each key"
    assert max(each.get("docsExamined", 0) for each in seen) <= 110  # never the whole collection


async def _nobody(_: Sequence[Job]) -> None:
    """Cancel nothing."""


async def test_a_job_without_keys_has_none_of_this_in_its_document(store: Store) -> None:
    await store.has(job := a_job())
    assert not {"keys", "lane", "key_limit", "when_busy"} & set(await store.raw(job))
    assert not End(job=replace(job), result="1").has_followers
