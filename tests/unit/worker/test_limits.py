"""Timeouts and cancels: what each way to run a task can be told, and when it is over."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.moves import Move
from shared.infrastructure.end_statements import End
from tests.eventually import eventually
from tests.unit.worker.bench import Bench
from worker.attempt import Attempt
from worker.executions import cut

WAYS = ["", "_in_a_thread", "_in_a_process", "_async_in_a_process"]


async def test_a_late_task_is_timed_out_by_its_own_limit_or_by_the_jobs(bench: Bench) -> None:
    own = await bench.error_of("always_late")
    asked = await bench.error_of("sleeps", {"seconds": 60}, timeout_s=0.02)
    assert (own.type, own.retryable, asked.type) == ("timeout", True, "timeout")
    assert "0.05 s" in own.message
    assert "0.02 s" in asked.message


async def test_a_process_is_killed_at_its_hard_limit(bench: Bench) -> None:
    error = await bench.error_of("sleeps_in_a_process", {"seconds": 60}, timeout_s=0.05)
    assert (error.type, error.retryable) == ("timeout", True)


async def test_a_timeout_is_final_if_its_task_says_so(bench: Bench) -> None:
    assert (await bench.error_of("late_for_good")).retryable is False


async def test_a_task_that_raises_when_it_is_timed_out_is_timed_out(bench: Bench) -> None:
    assert (await bench.error_of("raises_when_cancelled", timeout_s=0.02)).type == "timeout"


async def test_what_a_task_returns_after_its_time_does_not_count(bench: Bench) -> None:
    error = await bench.error_of("tidies_up", timeout_s=0.02)
    assert error.type == "timeout"


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_task_returns_when_it_is_told_of_its_soft_limit_counts(
    bench: Bench, way: str
) -> None:
    told = await bench.result_of(f"tidies_up{way}", soft_timeout_s=0.1)
    assert told == ("stopped" if way == "_in_a_thread" else "tidied up")


@pytest.mark.parametrize("name", ["sleeps", "sleeps_in_a_process"])
async def test_a_task_that_lets_its_soft_limit_out_has_failed(bench: Bench, name: str) -> None:
    error = await bench.error_of(name, {"seconds": 60}, soft_timeout_s=0.05, timeout_s=30)
    assert (error.type, error.retryable) == ("timeout", True)
    assert "soft timeout of 0.05 s" in error.message


async def test_a_soft_limit_that_would_come_last_is_none(bench: Bench) -> None:
    error = await bench.error_of("sleeps", {"seconds": 60}, soft_timeout_s=5, timeout_s=0.02)
    assert "its timeout of 0.02 s" in error.message


async def test_a_task_that_ignores_its_timeout_is_left_behind_and_that_is_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut, "AFTER_TIMEOUT", 0.03)
    job = bench.job("swallows_cancellation", {"seconds": 0.4}, timeout_s=0.02)
    ends: list[End] = []
    attempt = Attempt(job, on_left=lambda a, error: ends.append(bench.executor.left(a, error)))
    began = time.monotonic()
    running = bench.start(attempt)
    await eventually(lambda: ends)
    assert time.monotonic() - began < 0.3
    assert not running.done()
    [end] = ends
    assert end.error is not None
    assert end.error.type == "timeout"
    [line] = await bench.lines_of(job)
    assert "left behind" in line["message"]
    await running
    assert attempt.left


@pytest.mark.parametrize("name", ["tidies_up", "raises_when_cancelled", "sleeps"])
async def test_a_cancelled_coroutine_ends_cancelled_whatever_it_then_does(
    bench: Bench, name: str
) -> None:
    end = await cancelled(bench, name, {"seconds": 60} if name == "sleeps" else {})
    assert (end.move, end.error, end.result) == (Move.CANCEL, None, None)


async def test_a_cancelled_coroutine_that_goes_on_is_left_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut, "AFTER_CANCEL", 0.03)
    ends: list[End] = []
    attempt = Attempt(
        bench.job("swallows_cancellation", {"seconds": 0.3}),
        on_left=lambda a, error: ends.append(bench.executor.left(a, error)),
    )
    running = bench.start(attempt)
    asyncio.get_running_loop().call_later(0.01, attempt.ask)
    await eventually(lambda: ends)
    assert (ends[0].move, running.done()) == (Move.CANCEL, False)
    await running


async def test_a_cancelled_process_is_killed_with_what_it_has_started(
    bench: Bench, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    attempt = Attempt(bench.job("starts_another", {"path": str(note)}))
    running = bench.start(attempt)
    pid = int(await eventually(lambda: note.exists() and note.read_text()))
    attempt.ask()
    async with asyncio.timeout(5):
        assert (await running).move is Move.CANCEL
    await eventually(lambda: not _is_alive(pid))


async def test_a_thread_that_sees_its_cancellation_ends_cancelled(bench: Bench) -> None:
    end = await cancelled(bench, "tidies_up_in_a_thread")
    assert end.move is Move.CANCEL


async def test_a_thread_that_never_looks_keeps_its_own_outcome(bench: Bench) -> None:
    end = await cancelled(bench, "never_looks", {"seconds": 0.1})
    assert end.result == '"never looked"'


async def test_a_job_that_is_cancelled_before_it_starts_does_not_run(bench: Bench) -> None:
    attempt = Attempt(bench.job("never_looks", {"seconds": 60}))
    attempt.ask()
    async with asyncio.timeout(5):
        assert (await bench.start(attempt)).move is Move.CANCEL


@pytest.mark.parametrize("timeout_s", [None, 30])
@pytest.mark.parametrize("name", ["sleeps", "sleeps_in_a_process"])
async def test_an_attempt_that_is_abandoned_has_no_end(
    bench: Bench, name: str, timeout_s: float | None
) -> None:
    attempt = Attempt(bench.job(name, {"seconds": 60}, timeout_s=timeout_s))
    running = bench.start(attempt)
    asyncio.get_running_loop().call_later(0.01, attempt.abandon)
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await running


async def test_a_thread_is_told_when_its_worker_stops_and_what_it_returns_is_no_end(
    bench: Bench,
) -> None:
    attempt = Attempt(bench.job("waits_until_told_to_stop"))
    running = bench.start(attempt)
    asyncio.get_running_loop().call_later(0.02, attempt.abandon)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not attempt.knows


async def test_a_task_that_cancels_itself_has_failed(bench: Bench) -> None:
    assert (await bench.error_of("cancels_itself")).type == "CancelledError"


async def cancelled(bench: Bench, name: str, input: dict[str, Any] | None = None) -> End:
    """Run a job, cancel it a little later, and return its end."""
    attempt = Attempt(bench.job(name, input))
    running = bench.start(attempt)
    asyncio.get_running_loop().call_later(0.02, attempt.ask)
    async with asyncio.timeout(5):
        return await running


def _is_alive(pid: int) -> bool:
    """Say whether a process still does something; one that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
