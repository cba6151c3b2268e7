"""Turns for jobs that begin and for calls inside of them, with limits in memory."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from shared.contracts.limits.bucket import Ask, Bucket, corrected, take
from shared.contracts.limits.names import Charge
from shared.contracts.limits.pace import Pace
from shared.infrastructure.limit_turns import LimitTurns, Taken
from shared.infrastructure.limits import Limits
from worker.inside import Inside
from worker.store_clock import StoreClock
from worker.turns import NoRoom, Turns

FAST = Pace(spacing=20.0, cap=2.0, slack=200.0)
SLOW = Pace(spacing=600_000.0, cap=1.0, slack=200.0)
FIRST, SECOND = Charge(name="first"), Charge(name="second")


class FakeLimitTurns(LimitTurns):
    """Limits in memory, with the decisions of the contract."""

    def __init__(self, **paces: Pace) -> None:
        self.buckets = {name: Bucket(pace=pace) for name, pace in paces.items()}
        self.slow: list[float] = []  # seconds that the next answers take
        self.batches: list[int] = []

    async def take(self, name: str, asks: Sequence[Ask], *, owner: str, batch: str) -> Taken | None:
        if name not in self.buckets:
            return None
        self.batches.append(len(asks))
        now = time.time() * 1000
        self.buckets[name], turns = take(self.buckets[name], asks, now)
        await asyncio.sleep(self.slow.pop() if self.slow else 0)
        pace = self.buckets[name].pace
        return Taken(turns=tuple(turns), slack=pace.slack, spacing=pace.spacing, now=now)

    async def correct(self, name: str, *, at: float, difference: float) -> None:
        self.buckets[name] = corrected(self.buckets[name], at=at, difference=difference)

    def owed(self, name: str) -> float:
        """Return how many tokens are out."""
        bucket = self.buckets[name]
        return max(0.0, bucket.full_at - time.time() * 1000) / bucket.pace.spacing


class FakeLimits(Limits):
    """No limit has a default."""

    def __init__(self) -> None:
        pass

    async def make(self, name: str) -> bool:
        return False


@pytest.fixture
def limits() -> FakeLimitTurns:
    return FakeLimitTurns(first=FAST, second=SLOW)


@pytest.fixture
async def turns(limits: FakeLimitTurns) -> AsyncIterator[Turns]:
    turns = Turns(limits, FakeLimits(), StoreClock(), worker="w-1")
    async with turns.asking.running():
        yield turns


async def test_jobs_begin_at_their_turns_and_ask_together(
    turns: Turns, limits: FakeLimitTurns
) -> None:
    began: list[float] = []

    async def job() -> None:
        await turns.enter([FIRST], called=False)
        began.append(time.monotonic())

    await asyncio.gather(*(job() for _ in range(7)))
    assert began[-1] - began[0] >= 0.095  # two at once, and then each 20 ms
    assert max(limits.batches) > 1


async def test_a_job_whose_turn_is_far_hears_of_which_limit(turns: Turns) -> None:
    await turns.enter([SECOND], called=False)
    with pytest.raises(NoRoom) as caught:
        await turns.enter([SECOND], called=False)
    assert caught.value.limit == "second"
    assert caught.value.turn_at.timestamp() > time.time() + 500


async def test_several_limits_are_taken_all_or_none(turns: Turns, limits: FakeLimitTurns) -> None:
    await turns.enter([FIRST, SECOND], called=False)
    before = limits.owed("first")
    with pytest.raises(NoRoom):
        await turns.enter([FIRST, SECOND], called=False)
    assert limits.owed("first") <= before


async def test_a_limit_that_nobody_defined_lets_everybody_pass(turns: Turns) -> None:
    unknown = Charge(name="unknown")
    for _ in range(5):
        assert [turn.at for turn in await turns.enter([unknown], called=False)] == [0.0]


async def test_a_turn_that_is_heard_of_too_late_is_given_back_and_another_taken(
    turns: Turns, limits: FakeLimitTurns
) -> None:
    limits.slow = [0.3]
    (turn,) = await turns.enter([SECOND], called=False)
    assert turns.on_time(turn)
    assert limits.owed("second") <= 1


async def test_a_job_that_always_hears_too_late_goes_elsewhere(
    turns: Turns, limits: FakeLimitTurns
) -> None:
    limits.slow = [0.2] * 10
    limits.buckets["first"] = replace(Bucket(pace=replace(FAST, slack=120.0)))
    with pytest.raises(NoRoom):
        await turns.enter([FIRST], called=False)


async def test_calls_inside_wait_in_order(turns: Turns) -> None:
    inside, went = Inside(turns), []

    async def call(number: int) -> None:
        await inside.turn(FIRST)
        went.append(number)

    began = time.monotonic()
    await asyncio.gather(*(call(number) for number in range(20)))
    assert went == sorted(went)
    assert time.monotonic() - began >= 0.35


async def test_a_call_that_is_cut_short_leaves_the_line(
    turns: Turns, limits: FakeLimitTurns
) -> None:
    inside = Inside(turns)
    await inside.turn(SECOND)
    waiting = asyncio.create_task(inside.turn(SECOND))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert limits.owed("second") <= 1
    limits.buckets["second"] = Bucket(pace=FAST)
    async with asyncio.timeout(5):
        await inside.turn(SECOND)
