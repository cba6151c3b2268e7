"""What tasks say of themselves: coalesced, kept through an outage, and never in anybody's way."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import bson
import pytest

from shared.contracts.attempt import Progress
from tests.builders import a_running_job
from tests.eventually import eventually
from tests.fakes.broker import FakeHints
from tests.fakes.store import FakeReports
from worker.attempt import Attempt
from worker.reports import Reports


class Desk:
    """Reports, where they are stored, and who is told."""

    def __init__(self) -> None:
        self.store = FakeReports()
        self.hints = FakeHints()
        self.reports = Reports(self.store, self.hints)

    def lines(self) -> list[dict[str, Any]]:
        return [bson.decode(line.raw) for line in self.store.lines]

    def events(self) -> list[tuple[str, str]]:
        return [(hint.job_id, hint.event) for hint in self.hints.told]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def writing(desk: Desk) -> AsyncIterator[Desk]:
    async with desk.reports.running():
        yield desk


async def test_of_the_progress_of_a_job_only_the_newest_is_written(desk: Desk) -> None:
    job, other = a_running_job(), a_running_job()
    with desk.reports.of(Attempt(job)) as port, desk.reports.of(Attempt(other)) as beside:
        for number in range(100):
            port.progress(number, 100, None)
        beside.progress(1, None, "one")
        await desk.reports.flush()
    assert desk.store.shown == [
        (job.id, Progress(current=99, total=100)),
        (other.id, Progress(current=1, message="one")),
    ]
    assert desk.events() == [(job.id, "job.progress"), (other.id, "job.progress")]


async def test_lines_are_all_written_and_told_once_for_each_job(desk: Desk) -> None:
    job = a_running_job()
    with desk.reports.of(Attempt(job)) as port:
        for number in range(5):
            port.log("info", f"line {number}", {"number": number})
        await desk.reports.flush()
    assert [line["message"] for line in desk.lines()] == [f"line {n}" for n in range(5)]
    assert desk.events() == [(job.id, "job.log")]


async def test_with_nothing_to_say_nothing_is_written(desk: Desk) -> None:
    await desk.reports.flush()
    assert desk.store.writes == 0


async def test_progress_of_a_job_that_ended_is_not_written_after_it(desk: Desk) -> None:
    with desk.reports.of(Attempt(a_running_job())) as port:
        port.progress(1, None, None)
    await desk.reports.flush()
    assert desk.store.shown == []


async def test_lines_wait_in_order_while_the_database_is_away(desk: Desk) -> None:
    desk.store.outage.calls = 2
    with desk.reports.of(Attempt(a_running_job())) as port:
        port.log("info", "first", {})
        await desk.reports.flush()
        port.log("info", "second", {})
        await desk.reports.flush()
        port.log("info", "third", {})
        await desk.reports.flush()
    assert [line["message"] for line in desk.lines()] == ["first", "second", "third"]


async def test_reports_are_written_in_the_background_and_at_the_end(writing: Desk) -> None:
    with writing.reports.of(Attempt(a_running_job())) as port:
        port.log("info", "soon", {})
        await eventually(lambda: writing.store.lines)


async def test_what_is_said_last_is_written_when_the_worker_stops(desk: Desk) -> None:
    async with desk.reports.running():
        with desk.reports.of(Attempt(a_running_job())) as port:
            port.log("info", "last words", {})
    assert [line["message"] for line in desk.lines()] == ["last words"]


async def test_reports_may_come_from_any_thread(writing: Desk) -> None:
    with writing.reports.of(Attempt(a_running_job())) as port:

        def talk() -> None:
            for number in range(500):
                port.log("info", str(number), {})
                port.progress(number, None, None)

        threads = [threading.Thread(target=talk) for _ in range(4)]
        for thread in threads:
            thread.start()
        await eventually(lambda: len(writing.store.lines) == 2000)
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    ("message", "fields"),
    [("x" * 20_000_000, {}), ("x", {"x": "y" * 20_000_000}), ("\N{GRINNING FACE}" * 5_000_000, {})],
    ids=["message", "fields", "message in four-byte characters"],
)
async def test_a_line_of_any_size_is_stored_shortened(
    desk: Desk, message: str, fields: dict[str, object]
) -> None:
    with desk.reports.of(Attempt(a_running_job())) as port:
        port.log("info", message, fields)
        await desk.reports.flush()
    [stored] = desk.store.lines
    assert len(stored.raw) < 100_000


@pytest.mark.parametrize("progress", [(2**70, 1e300, None), (-(2**64), 2, "x" * 10**7)])
async def test_progress_of_any_size_can_be_stored(
    desk: Desk, progress: tuple[float, float | None, str | None]
) -> None:
    with desk.reports.of(Attempt(a_running_job())) as port:
        port.progress(*progress)
        await desk.reports.flush()
    [(_, shown)] = desk.store.shown
    encoded = bson.encode({"c": shown.current, "t": shown.total, "m": shown.message})
    assert len(encoded) < 100_000


async def test_a_write_that_fails_for_an_odd_reason_does_not_end_the_reporting(
    writing: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing.reports.of(Attempt(a_running_job())) as port:
        monkeypatch.setattr(writing.store, "add_lines", _refuse)
        port.log("info", "bad", {})
        await eventually(lambda: not writing.reports._lines)
        monkeypatch.undo()
        port.log("info", "good", {})
        await eventually(lambda: [line["message"] for line in writing.lines()] == ["good"])


async def _refuse(_: object) -> None:
    raise OverflowError("MongoDB can only handle up to 8-byte ints")


async def test_lines_whose_write_is_cut_off_by_the_stop_are_written_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def take_long(_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(desk.store, "add_lines", take_long)
    async with desk.reports.running():
        with desk.reports.of(Attempt(a_running_job())) as port:
            port.log("info", "last words", {})
            await begun.wait()
        monkeypatch.undo()
    assert [line["message"] for line in desk.lines()] == ["last words"]


async def test_a_task_that_looks_after_its_job_was_cancelled_knows_of_it(desk: Desk) -> None:
    attempt = Attempt(a_running_job())
    with desk.reports.of(attempt) as port:
        seen = [port.cancelled]
        attempt.ask()
        before = attempt.knows
        seen.append(port.cancelled)
    assert (seen, before, attempt.knows) == ([False, True], False, True)


async def test_a_task_whose_time_is_over_should_stop_but_is_not_cancelled(desk: Desk) -> None:
    attempt = Attempt(a_running_job())
    with desk.reports.of(attempt) as port:
        attempt.late = True
        assert port.cancelled
    assert not attempt.knows
