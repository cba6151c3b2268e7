"""Runs a task as its worker would, without services: for tests.

The input goes through JSON and the task's signature, the task runs on the loop, in a thread or in
a process, its timeouts hold, and the result or the error comes back through JSON.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from pydantic_core import from_json

from warren.errors import Replacement, SoftTimeout
from warren.job import Job
from warren.outcome import error_of, snooze_of, to_json
from warren.recorder import LogLine, Progress, Recorder, Spawn
from warren.rehearsal_process import FailedThere, Limits, TimedOut, run_in_process
from warren.task import Task

_CLEAN_UP_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, with what a job then has.

    `succeeded` with a result; `failed` with an error, whose `retryable` says whether another
    attempt may follow; `waiting` if the task asked for a rest of `after_s` seconds, or is replaced
    by the graph `replaced_by`; `cancelled` if it saw that it should be. Nothing that was spawned
    has run.
    """

    status: str
    result: Any = None
    error: dict[str, Any] | None = None
    progress: list[Progress] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    after_s: float | None = None
    spawned: list[Spawn] = field(default_factory=list)
    replaced_by: dict[str, Any] | None = None


def run_task(
    task: Task[..., Any],
    input: object = None,
    *,
    attempt: int = 1,
    max_attempts: int | None = None,
    cancelled: bool = False,
    timeout_s: float | None = None,
    soft_timeout_s: float | None = None,
    nominal_at: datetime | None = None,
) -> Outcome:
    """Run one attempt of the task and return how it ended; the task's own errors do not raise.

    `cancelled`, `attempt`, `max_attempts` and `nominal_at` are what the job will say of itself;
    `timeout_s` and `soft_timeout_s` replace the task's own.
    """
    run = arun_task(
        task,
        input,
        attempt=attempt,
        max_attempts=max_attempts,
        cancelled=cancelled,
        timeout_s=timeout_s,
        soft_timeout_s=soft_timeout_s,
        nominal_at=nominal_at,
    )
    # A thread of its own, so that an event loop that already runs here is no obstacle.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, run).result()


async def arun_task(
    task: Task[..., Any],
    input: object = None,
    *,
    attempt: int = 1,
    max_attempts: int | None = None,
    cancelled: bool = False,
    timeout_s: float | None = None,
    soft_timeout_s: float | None = None,
    nominal_at: datetime | None = None,
) -> Outcome:
    """`run_task` for async tests: an `async def` task runs on the test's own loop."""
    port = Recorder(cancelled=cancelled)
    job = Job(
        id=str(uuid4()),
        attempt=attempt,
        max_attempts=max_attempts or (task.retry or {}).get("max_attempts", 1),
        input=from_json(to_json({} if input is None else input)),
        nominal_at=nominal_at,
        port=port,
    )
    limits = Limits(soft_timeout_s or task.soft_timeout_s, timeout_s or task.timeout_s)
    ended = await _ended(task, job, port, limits)
    if port.knows:
        ended = Outcome("cancelled")
    return replace(ended, progress=port.reports, logs=port.lines, spawned=port.spawns)


async def _ended(task: Task[..., Any], job: Job, port: Recorder, limits: Limits) -> Outcome:
    try:
        return Outcome("succeeded", from_json(await _run(task, job, port, limits)))
    except TimedOut as late:
        error, after_s = _timeout(late, task, job.attempt), None
    except Replacement as replacement:
        return Outcome("waiting", replaced_by=replacement.graph)
    except FailedThere as failure:
        error, after_s = failure.error, failure.after_s
    except BaseException as raised:
        if _cancelled_from_outside():
            raise
        error = error_of(raised, attempt=job.attempt, retryable=task.retryable)
        after_s = snooze_of(raised)
    if after_s is not None:
        return Outcome("waiting", after_s=after_s)
    return Outcome("failed", error=error)


def _timeout(late: TimedOut, task: Task[..., Any], attempt: int) -> dict[str, Any]:
    again = task.retryable(late)
    return {"type": "timeout", "message": str(late), "retryable": again, "attempt": attempt}


async def _run(task: Task[..., Any], job: Job, port: Recorder, limits: Limits) -> bytes:
    if task.execution == "process":
        return await asyncio.to_thread(run_in_process, task, job, port, limits)
    with _told_when_late(port, limits.soft_s):
        if task.execution == "thread":
            return await asyncio.to_thread(_call, task, job)
        return await _on_the_loop(task.fn(**task.arguments(job.input, job)), limits)


@contextmanager
def _told_when_late(port: Recorder, soft_s: float | None) -> Iterator[None]:
    if soft_s is None:
        yield
        return
    timer = asyncio.get_running_loop().call_later(soft_s, setattr, port, "late", True)
    try:
        yield
    finally:
        timer.cancel()


def _call(task: Task[..., Any], job: Job) -> bytes:
    try:
        return to_json(task.fn(**task.arguments(job.input, job)))
    except StopIteration as error:  # a future refuses to carry it
        raise RuntimeError(f"the task raised StopIteration: {error}") from error


async def _on_the_loop(call: Awaitable[Any], limits: Limits) -> bytes:
    running = asyncio.ensure_future(_outcome(call))
    try:
        done, _ = await asyncio.wait({running}, timeout=limits.first_s)
        late = not done and limits.soft_s is not None
        if late:
            running.cancel()
            done, _ = await asyncio.wait({running}, timeout=limits.rest_s)
        if not done:
            running.cancel()
            await asyncio.wait({running}, timeout=_CLEAN_UP_S)
            raise TimedOut(limits.hard_s or 0)
        value, error = running.result()
        if late and isinstance(error, asyncio.CancelledError):
            raise SoftTimeout(limits.soft_s or 0) from error
        if error is not None:
            raise error
        return to_json(value)
    finally:
        running.cancel()


async def _outcome(call: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    try:
        return await call, None
    except BaseException as error:  # noqa: BLE001 - a SystemExit would otherwise stop the loop
        return None, error


def _cancelled_from_outside() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
