"""Runs a task as its worker would, without services: for tests.

The input goes through JSON and the task's signature, the task runs on the loop, in a thread or in
a process, its timeout holds, and the result or the error comes back through JSON.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from pydantic_core import from_json

from warren.job import Job
from warren.outcome import error_of, to_json
from warren.recorder import LogLine, Progress, Recorder
from warren.rehearsal_process import FailedThere, TimedOut, run_in_process
from warren.task import Task

_CLEAN_UP_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `succeeded` with a result, or `failed` with an error, as a job has them."""

    status: str
    result: Any = None
    error: dict[str, Any] | None = None
    progress: list[Progress] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)


def run_task(
    task: Task[..., Any],
    input: object = None,
    *,
    attempt: int = 1,
    cancelled: bool = False,
    timeout_s: float | None = None,
) -> Outcome:
    """Run the task with this input and return how it ended; the task's own errors do not raise.

    `cancelled` is what the job will say of itself; `timeout_s` replaces the task's timeout.
    """
    run = arun_task(task, input, attempt=attempt, cancelled=cancelled, timeout_s=timeout_s)
    # A thread of its own, so that an event loop that already runs here is no obstacle.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, run).result()


async def arun_task(
    task: Task[..., Any],
    input: object = None,
    *,
    attempt: int = 1,
    cancelled: bool = False,
    timeout_s: float | None = None,
) -> Outcome:
    """`run_task` for async tests: an `async def` task runs on the test's own loop."""
    port = Recorder(cancelled=cancelled)
    given = from_json(to_json({} if input is None else input))
    job = Job(id=str(uuid4()), attempt=attempt, input=given, port=port)
    try:
        text = await _run(task, job, port, timeout_s or task.timeout_s)
    except TimedOut as error:
        failure = {"type": "timeout", "message": str(error), "retryable": True, "attempt": attempt}
        return Outcome("failed", None, failure, port.reports, port.lines)
    except FailedThere as error:
        return Outcome("failed", None, error.error, port.reports, port.lines)
    except BaseException as error:
        if _cancelled_from_outside():
            raise
        failure = error_of(error, attempt=attempt)
        return Outcome("failed", None, failure, port.reports, port.lines)
    return Outcome("succeeded", from_json(text), None, port.reports, port.lines)


async def _run(task: Task[..., Any], job: Job, port: Recorder, timeout_s: float | None) -> bytes:
    if task.execution == "process":
        return await asyncio.to_thread(run_in_process, task, job, port, timeout_s)
    if task.execution == "thread":
        return await asyncio.to_thread(_call, task, job)
    return await _on_the_loop(task.fn(**task.arguments(job.input, job)), timeout_s)


def _call(task: Task[..., Any], job: Job) -> bytes:
    try:
        return to_json(task.fn(**task.arguments(job.input, job)))
    except StopIteration as error:  # a future refuses to carry it
        raise RuntimeError(f"the task raised StopIteration: {error}") from error


async def _on_the_loop(call: Awaitable[Any], timeout_s: float | None) -> bytes:
    running = asyncio.ensure_future(_ended(call))
    try:
        done, _ = await asyncio.wait({running}, timeout=timeout_s)
        if not done:
            running.cancel()
            await asyncio.wait({running}, timeout=_CLEAN_UP_S)
            raise TimedOut(timeout_s or 0)
        value, error = running.result()
        if error is not None:
            raise error
        return to_json(value)
    finally:
        running.cancel()


async def _ended(call: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    try:
        return await call, None
    except BaseException as error:  # noqa: BLE001 - a SystemExit would otherwise stop the loop
        return None, error


def _cancelled_from_outside() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
