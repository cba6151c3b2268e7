"""What one socket still has to send: in order, coalesced, and bounded."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from api.hub import Change
from api.sockets.outbox import MOST_PENDING, Outbox, Overflow
from shared.contracts.job import Job
from shared.contracts.moves import Status
from tests.builders import a_job, a_job_in, a_running_job


async def drained(outbox: Outbox) -> list[Any]:
    """Everything that can be sent now, as a client reads it."""
    frames = []
    try:
        async with asyncio.timeout(0.05):
            while True:
                frames.append(json.loads(await outbox.next()))
    except TimeoutError:
        return frames


def tell(outbox: Outbox, job: Job, event: str = "job.running", *, to: str = "s") -> None:
    outbox.tell(to, Change(job, event), then_complete=job.done)


async def test_frames_come_out_in_the_order_in_which_they_went_in() -> None:
    outbox, jobs = Outbox(), [a_running_job() for _ in range(3)]
    tell(outbox, jobs[0])
    outbox.say(b'{"type":"pong"}')
    tell(outbox, jobs[1])
    frames = await drained(outbox)
    assert [frame["type"] for frame in frames] == ["next", "pong", "next"]
    assert [frame.get("job", {}).get("id") for frame in frames] == [jobs[0].id, None, jobs[1].id]


async def test_a_change_says_its_subscription_event_and_sequence() -> None:
    outbox, job = Outbox(), a_running_job(version=7)
    tell(outbox, job, "job.progress", to="mine")
    [frame] = await drained(outbox)
    assert (frame["id"], frame["event"], frame["seq"]) == ("mine", "job.progress", 7)
    assert frame["job"]["version"] == 7


async def test_of_the_changes_of_a_job_that_wait_only_the_newest_is_sent() -> None:
    outbox, job = Outbox(), a_running_job()
    for version in range(2, 50):
        tell(outbox, replace(job, version=version))
    [frame] = await drained(outbox)
    assert frame["seq"] == 49


async def test_coalescing_keeps_the_place_in_the_order() -> None:
    outbox, first, second = Outbox(), a_running_job(version=2), a_running_job(version=2)
    tell(outbox, first)
    tell(outbox, second)
    tell(outbox, replace(first, version=3))
    assert [f["job"]["id"] for f in await drained(outbox)] == [first.id, second.id]


async def test_an_end_is_sent_and_then_the_word_that_it_was_the_last() -> None:
    outbox, job = Outbox(), a_running_job()
    tell(outbox, job)
    tell(outbox, a_job_in(Status.SUCCEEDED, id=job.id), "job.succeeded")
    frames = await drained(outbox)
    assert [(f["type"], f.get("event")) for f in frames] == [
        ("next", "job.succeeded"),
        ("complete", None),
    ]


async def test_two_subscriptions_to_one_job_are_told_apart() -> None:
    outbox, job = Outbox(), a_running_job()
    tell(outbox, job, to="one")
    tell(outbox, job, to="other")
    assert [frame["id"] for frame in await drained(outbox)] == ["one", "other"]


async def test_word_of_a_log_line_never_hides_a_change_that_waits() -> None:
    outbox, job = Outbox(), a_running_job()
    tell(outbox, a_job_in(Status.SUCCEEDED, id=job.id), "job.succeeded")
    tell(outbox, job, "job.log")
    assert [frame.get("event") for frame in await drained(outbox)] == ["job.succeeded", None]


async def test_waiting_for_a_frame_ends_when_one_comes() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.say(b"x")
    assert await waiting == b"x"


async def test_a_reader_that_is_too_slow_is_cut_and_nothing_more_is_kept_for_it() -> None:
    outbox = Outbox()
    overflowed = []
    for count in (MOST_PENDING, 10 * MOST_PENDING):
        for _ in range(count):
            tell(outbox, a_job())
        overflowed.append(outbox.overflowed)
    assert overflowed == [False, True]
    assert len(outbox._pending) == MOST_PENDING + 1
    with pytest.raises(Overflow):
        await outbox.next()


async def test_one_job_that_changes_a_lot_does_not_make_a_reader_slow() -> None:
    outbox, job = Outbox(), a_running_job()
    for version in range(2 * MOST_PENDING):
        tell(outbox, replace(job, version=version))
    assert not outbox.overflowed


async def test_whoever_can_wait_goes_on_once_few_frames_are_left() -> None:
    outbox = Outbox()
    for number in range(300):
        outbox.put(number, b'{"type":"next"}')
    going_on = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not going_on.done()
    for _ in range(100):
        await outbox.next()
    await asyncio.wait_for(going_on, 1)
    assert len(await drained(outbox)) == 200


async def test_a_newer_frame_takes_the_place_of_an_older_one_of_its_kind() -> None:
    outbox = Outbox()
    for number in range(3):
        outbox.put("same", f'{{"n":{number}}}'.encode())
    assert await drained(outbox) == [{"n": 2}]
