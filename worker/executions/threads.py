"""`def` tasks run in threads, so that they do not hold up the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from warren.job import Job
from warren.outcome import to_json
from warren.task import Task
from worker.attempt import Attempt
from worker.executions import Limits

_GRACE = 0.5  # seconds for a task to see that its worker stops


class InThreads:
    """Calls the task in a thread. A thread cannot be stopped, only told, by `job.cancelled`.

    A hard timeout is refused when the task is declared and when the job is submitted.
    """

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    async def run(self, task: Task[..., Any], job: Job, attempt: Attempt, limits: Limits) -> bytes:
        """Return the result as JSON, late or not; raise what the task raised."""
        loop = asyncio.get_running_loop()
        call = partial(copy_context().run, _call, task, job)
        running = loop.run_in_executor(self._threads, call)
        timers = []
        if limits.soft_s is not None:
            timers.append(loop.call_later(limits.soft_s, setattr, attempt, "late", True))
        try:
            result, error = await asyncio.shield(running)
        except asyncio.CancelledError:
            attempt.late = True
            await asyncio.wait({running}, timeout=_GRACE)
            raise
        finally:
            for timer in timers:
                timer.cancel()
        if error is not None:
            raise error
        return result


def _call(task: Task[..., Any], job: Job) -> tuple[bytes, BaseException | None]:
    """Return what the task gave or raised: futures mistake some exceptions for their own."""
    try:
        return to_json(task.fn(**task.arguments(job.input, job))), None
    except BaseException as error:  # noqa: BLE001 -- tasks may raise anything
        return b"", error
