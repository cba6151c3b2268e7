"""Time gates: opened when the time has come, not before, at little cost, and within the window."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import Job
from shared.contracts.moves import Status
from tests.builders import a_job_in
from tests.eventually import eventually
from tests.unit.worker.night import Night
from worker.keeper.due import Due
from worker.keeper.leadership import Leadership
from worker.keeper.loop import Loop, Tally, keep


@pytest.fixture
def night() -> Night:
    return Night(size=5)


@pytest.fixture
def due(night: Night) -> Due:
    return Due(night.times, night.window, night.hints, night.lanes)


def due_in(seconds: float) -> Job:
    """A job that waits for its time."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return a_job_in(Status.WAITING, due_at=at, because="retry")


class Leading(Leadership):
    """A keeper that always leads."""

    def __init__(self) -> None:
        pass

    async def wait_held(self) -> None:
        pass


async def test_what_is_due_becomes_runnable_and_is_announced_with_a_hint(
    night: Night, due: Due
) -> None:
    job, later = due_in(-1), due_in(60)
    night.store.put(job, later)
    assert await due.step() == 1
    assert night.store.jobs[job.id].status is Status.QUEUED
    assert night.store.jobs[later.id] == later
    assert night.said("ring") == [[job.id]]
    assert [(hint.job_id, hint.event) for hint in night.hints.told] == [(job.id, "job.queued")]


async def test_the_mark_is_left_for_later_and_nobody_rings_again_meanwhile(
    night: Night, due: Due
) -> None:
    night.workers.alive = {"w"}
    night.store.put(due_in(-1))
    await due.step()
    assert night.said("published") == []
    assert await night.unpublished.step() == 0
    assert await night.ringing.mark() == 1
    assert night.ringing.unmarked == set()
    assert len(night.said("published")) == 1


async def test_a_job_is_opened_at_its_time_without_asking_again_and_again(
    night: Night, due: Due
) -> None:
    job = due_in(0.15)
    night.store.put(job)
    loop = Loop(name="due", step=due.step, every=1, rest=due.rest)
    keeping = asyncio.create_task(keep(loop, Tally(), Leading()))
    try:
        await eventually(lambda: night.said("ring"))
        late = datetime.now(UTC) - (job.due_at or datetime.now(UTC))
        assert timedelta() <= late < timedelta(seconds=0.5)
        assert len(night.said("look")) == 1
    finally:
        keeping.cancel()


async def test_a_hint_wakes_it_for_a_job_that_is_due_earlier_than_it_knew(
    night: Night, due: Due
) -> None:
    await due.step()
    resting = asyncio.create_task(due.rest())
    await asyncio.sleep(0)
    job = due_in(0)
    night.store.put(job)
    due.wake()
    async with asyncio.timeout(0.5):  # by itself it would rest for a second
        await resting
    assert await due.step() == 1


async def test_more_than_fits_the_window_is_opened_but_not_rung(night: Night, due: Due) -> None:
    jobs = [due_in(-1) for _ in range(8)]
    night.store.put(*jobs)
    assert await due.step() == 8
    assert sum(map(len, night.said("ring"))) == 5
    assert night.said("hold") == ["default"]
    night.store.put(due_in(-1))
    due.wake()
    assert await due.step() == 1
    assert sum(map(len, night.said("ring"))) == 5


async def test_a_job_that_was_cancelled_meanwhile_is_left_alone(night: Night, due: Due) -> None:
    job = due_in(0.05)
    night.store.put(job)
    await due.step()
    cancelled = job.cancelled(at=datetime.now(UTC))
    night.store.put(cancelled)
    await due.rest()
    assert await due.step() == 0
    assert night.store.jobs[job.id] == cancelled


async def test_after_an_outage_what_was_due_is_found_again(night: Night, due: Due) -> None:
    night.store.put(due_in(-1))
    night.store.outage.calls = 1
    with pytest.raises(StoreUnavailable):
        await due.step()
    assert await due.step() == 1


async def test_an_open_whose_fate_is_unknown_is_not_forgotten(night: Night, due: Due) -> None:
    job = due_in(0.05)
    night.store.put(job)
    await due.step()
    await due.rest()
    night.store.outage.calls = 1
    with pytest.raises(StoreUnavailable):
        await due.step()

    async def opened() -> bool:
        await due.step()
        return night.store.jobs[job.id].status is Status.QUEUED

    await eventually(opened, within=3)


async def test_a_job_with_keys_stands_in_line_when_its_time_has_come(
    night: Night, due: Due
) -> None:
    keyed = replace(due_in(-1), keys=("k", "l"), when_busy="fail")
    plain = due_in(-1)
    night.store.put(keyed, plain)
    assert await due.step() == 2
    assert night.store.jobs[keyed.id].lane == "k"
    assert night.store.jobs[plain.id].status is Status.QUEUED
    assert (night.lanes.keys, night.lanes.impatient) == (["k"], [keyed.id])
    assert keyed.id not in str(night.said("ring"))
