"""Slots: counted, and waited for."""

import asyncio

from worker.slots import Slots


async def test_slots_are_taken_and_given_back() -> None:
    slots = Slots(2)
    slots.take()
    assert (slots.free, slots.taken, slots.total) == (1, 1, 2)
    slots.release()
    assert (slots.free, slots.taken) == (2, 0)


async def test_a_free_slot_is_not_waited_for() -> None:
    assert await Slots(1).wait_for_one(0) is True


async def test_waiting_ends_when_a_slot_is_given_back() -> None:
    slots = Slots(1)
    slots.take()
    waiting = asyncio.create_task(slots.wait_for_one(5))
    await asyncio.sleep(0)
    assert not waiting.done()
    slots.release()
    assert await waiting is True


async def test_patience_ends() -> None:
    slots = Slots(1)
    slots.take()
    assert await slots.wait_for_one(0.01) is False
    assert await slots.wait_until_idle(0.01) is False


async def test_several_may_wait_at_once() -> None:
    slots = Slots(1)
    slots.take()
    waits = [slots.wait_for_one(5), slots.wait_until_idle(5), slots.wait_for_one(5)]
    waiting = [asyncio.create_task(wait) for wait in waits]
    await asyncio.sleep(0)
    slots.release()
    assert await asyncio.gather(*waiting) == [True, True, True]


async def test_idle_means_that_nothing_at_all_is_taken() -> None:
    slots = Slots(3)
    slots.take()
    slots.take()
    idle = asyncio.create_task(slots.wait_until_idle(5))
    await asyncio.sleep(0)
    slots.release()
    await asyncio.sleep(0)
    assert not idle.done()
    slots.release()
    assert await idle is True


async def test_more_taken_than_there_are_leaves_none_free() -> None:
    slots = Slots(1)
    slots.take()
    slots.take()
    slots.release()
    assert await slots.wait_for_one(0.01) is False
