"""Lost bells: found by three signs, rung again, and not for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.job import Job
from tests.builders import a_job
from tests.unit.worker.night import Night
from worker.keeper.lost import Lost


@pytest.fixture
def night() -> Night:
    return Night(alive=True)


@pytest.fixture
def lost(night: Night) -> Lost:
    return Lost(night.jobs, night.workers, night.broker)


def rung_ago(seconds: float, **fields: object) -> Job:
    """A queued job whose bell was confirmed some time ago."""
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    return a_job(published=True, published_at=at, **fields)


def heard_ago(night: Night, seconds: float) -> None:
    """Let a worker hear a bell that was rung that long ago."""
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    night.workers.heard = {"default": int(at.timestamp() * 1000)}


async def test_old_bells_of_an_empty_queue_are_lost_and_rung_again(
    night: Night, lost: Lost
) -> None:
    old, young = rung_ago(20), rung_ago(5)
    night.store.put(old, young)
    night.broker.depths = {"default": 0}
    assert await lost.step() == 1
    assert not night.store.jobs[old.id].published
    assert night.store.jobs[young.id] == young  # a worker may have it in hand
    assert await night.unpublished.step() == 1
    assert night.said("ring") == [[old.id]]


async def test_a_queue_that_is_gone_counts_as_empty(night: Night, lost: Lost) -> None:
    night.store.put(rung_ago(20))
    assert await lost.step() == 1


async def test_bells_that_wait_in_their_queue_are_not_lost(night: Night, lost: Lost) -> None:
    night.store.put(rung_ago(3600))
    night.broker.depths = {"default": 1}
    assert await lost.step() == 0


async def test_what_was_rung_again_is_not_lost_again_at_once(night: Night, lost: Lost) -> None:
    night.store.put(rung_ago(20))
    night.broker.depths = {"default": 0}
    await lost.step()
    await night.unpublished.step()
    assert await lost.step() == 0


async def test_a_bell_that_was_overtaken_is_lost(night: Night, lost: Lost) -> None:
    night.broker.depths = {"default": 7}
    overtaken, next_one = rung_ago(120), rung_ago(40)
    night.store.put(overtaken, next_one)
    heard_ago(night, 60)
    assert await lost.step() == 1
    assert not night.store.jobs[overtaken.id].published
    assert night.store.jobs[next_one.id].published


async def test_a_ringer_whose_clock_is_ahead_makes_no_young_bell_lost(
    night: Night, lost: Lost
) -> None:
    night.broker.depths = {"default": 7}
    night.store.put(rung_ago(10))
    heard_ago(night, -3600)
    assert await lost.step() == 0


async def test_false_alarms_come_more_and_more_seldom(night: Night) -> None:
    clock = 1000.0
    lost = Lost(night.jobs, night.workers, night.broker, clock=lambda: clock)
    night.broker.depths = {"default": 7}
    heard_ago(night, 0)
    alarms = []
    for _ in range(600):  # twenty minutes
        night.store.put(rung_ago(60, id=a_job().id))
        if await lost.step():
            alarms.append(clock - 1000)
        clock += 2
    assert len(alarms) <= 7
    assert alarms[:3] == [0, 30, 90]


async def test_a_broker_without_our_marker_has_lost_everything(night: Night, lost: Lost) -> None:
    night.store.put(rung_ago(0), rung_ago(0, queue="mail"))
    night.broker.depths = {"default": 1, "mail": 1}
    night.broker.marked = False
    assert await lost.step() == 2
    assert night.broker.marked


async def test_the_marker_is_looked_for_once_after_each_connection(
    night: Night, lost: Lost
) -> None:
    night.broker.depths = {"default": 1}
    night.store.put(rung_ago(0))
    assert await lost.step() == 0
    night.broker.marked = False
    assert await lost.step() == 0  # the same connection: the broker has not gone away
    night.broker.connections += 1
    assert await lost.step() == 1


async def test_without_a_broker_nothing_is_judged(night: Night, lost: Lost) -> None:
    night.store.put(rung_ago(3600))
    night.broker.link.up = False  # type: ignore[misc]
    assert await lost.step() == 0
