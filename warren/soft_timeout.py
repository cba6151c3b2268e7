"""Runs a task in the main thread of its own process, and tells it when its soft timeout is over."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from warren.errors import SoftTimeout

if TYPE_CHECKING:
    from warren.job import Job
    from warren.task import Task


def call_here(task: Task[..., Any], job: Job, soft_timeout_s: float | None) -> Any:
    """What the task returns, or raises: SoftTimeout among it, raised in the midst of a `def`.

    An `async def` is cancelled instead, and SoftTimeout is what that becomes if it goes on.
    """
    arguments = task.arguments(job.input, job)
    with _alarm(soft_timeout_s):
        result = task.fn(**arguments)
    if inspect.iscoroutine(result):
        return asyncio.run(_cancelled_after(result, soft_timeout_s))
    return result


async def _cancelled_after(call: Coroutine[Any, Any, Any], seconds: float | None) -> Any:
    """Await the call; cancel it once after so many seconds. What it then returns counts."""
    running = asyncio.ensure_future(call)
    done, _ = await asyncio.wait({running}, timeout=seconds)
    if done:
        return running.result()
    running.cancel()
    try:
        return await running
    except asyncio.CancelledError as error:
        raise SoftTimeout(seconds or 0) from error


@contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return
    armed = True

    def strike(*_: object) -> None:
        if armed:  # else it came between the end of the task and the end of the timer
            raise SoftTimeout(seconds)

    before = signal.signal(signal.SIGALRM, strike)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
