"""A blocked event loop: it is noticed, its job is named, and a process that must end says why."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import bson
import pytest

from shared.contracts.job import Job
from shared.infrastructure.job_reports import Line
from shared.infrastructure.last_writes import LastWrites
from tests.builders import a_running_job
from tests.eventually import eventually
from tests.fakes.broker import FakeHints
from tests.fakes.store import FakeReports
from worker import loop_watch
from worker.attempt import Attempt
from worker.exits import LEASE_LOST
from worker.last_words import LastWords
from worker.loop_watch import LoopWatch
from worker.reports import Reports


class Desk:
    """A watch over the loop of the test, in which jobs may run."""

    def __init__(self) -> None:
        self.store = FakeReports()
        self.reports = Reports(self.store, FakeHints())
        self.attempts: dict[str, Attempt] = {}
        self.watch = LoopWatch(self.attempts, self.reports)
        self.pulses = 0

    def alive(self) -> None:
        self.pulses += 1

    async def run(self, work: Callable[[], None]) -> Job:
        """Run this as the code of a job, with another job beside it."""
        beside = Attempt(a_running_job())
        self.attempts[beside.job.id] = beside
        attempt = Attempt(a_running_job())
        self.attempts[attempt.job.id] = attempt
        attempt.running = asyncio.create_task(_call(work))
        await attempt.running
        return attempt.job

    async def lines(self) -> list[dict[str, Any]]:
        await self.reports.flush()
        return [bson.decode(line.raw) for line in self.store.lines]


async def _call(work: Callable[[], None]) -> None:
    work()


def block(seconds: float) -> Callable[[], None]:
    return lambda: time.sleep(seconds)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(loop_watch, "_PULSE", 0.02)
    monkeypatch.setattr(loop_watch, "_LOOK", 0.03)
    monkeypatch.setattr(loop_watch, "_LONG", 0.3)
    desk = Desk()
    with desk.watch.running(alive=desk.alive):
        yield desk


async def test_a_job_that_blocks_the_loop_is_named_in_its_own_log(desk: Desk) -> None:
    job = await desk.run(block(0.8))
    await eventually(lambda: desk.watch.blocked_s)
    [line] = await desk.lines()
    assert (line["job_id"], line["level"]) == (job.id, "warning")
    assert line["message"].startswith("blocked the event loop of its worker for 0.")
    assert "test_loop_watch.py" in line["fields"]
    assert 0.7 < desk.watch.blocked_s < 5
    assert desk.watch.block is None


async def test_a_loop_that_moves_is_not_blocked_and_says_so(desk: Desk) -> None:
    job = await desk.run(block(0.05))
    await eventually(lambda: desk.pulses > 20)
    assert (await desk.lines(), desk.watch.blocked_s) == ([], 0)
    assert job.id in desk.attempts


async def test_a_block_that_is_no_jobs_doing_is_counted_without_a_name(desk: Desk) -> None:
    await _call(block(0.8))
    await eventually(lambda: desk.watch.blocked_s)
    assert await desk.lines() == []


class FakeWrites(LastWrites):
    """Notes what is written last."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.handed_back: list[str] = []
        self.fails = False

    def add_line(self, line: Line) -> None:
        if self.fails:
            raise OSError("MongoDB is away")
        self.lines.append(line)

    def hand_back(self, jobs: Any) -> int:
        self.handed_back += [job.id for job in jobs]
        return len(jobs)


@pytest.fixture
def codes() -> list[int]:
    """With which codes the process would have ended."""
    return []


def speaking(desk: Desk, writes: FakeWrites, codes: list[int]) -> Callable[[], None]:
    """Block the loop until it is noticed, and let the heartbeat find then that its lease is lost.

    The real one calls from its thread; here the blocked loop itself calls, which is the same to it.
    """

    def work() -> None:
        deadline = time.monotonic() + 5
        while desk.watch.block is None and time.monotonic() < deadline:
            time.sleep(0.01)
        LastWords(desk.attempts, desk.watch, leave=codes.append).say(cast(LastWrites, writes))

    return work


async def test_the_last_words_name_the_job_and_spare_its_neighbours(
    desk: Desk, codes: list[int]
) -> None:
    writes = FakeWrites()
    job = await desk.run(speaking(desk, writes, codes))
    [line] = [bson.decode(line.raw) for line in writes.lines]
    assert (line["job_id"], line["level"]) == (job.id, "error")
    assert "had to be ended" in line["message"]
    assert writes.handed_back == [other for other in desk.attempts if other != job.id]
    assert codes == [LEASE_LOST]


async def test_a_process_that_must_end_does_so_although_nothing_can_be_written(
    desk: Desk, codes: list[int]
) -> None:
    writes = FakeWrites()
    writes.fails = True
    await desk.run(speaking(desk, writes, codes))
    assert codes == [LEASE_LOST]


async def test_a_process_that_was_held_up_as_a_whole_blames_nobody(
    desk: Desk, codes: list[int]
) -> None:
    LastWords(desk.attempts, desk.watch, leave=codes.append).say(cast(LastWrites, FakeWrites()))
    assert codes == []
