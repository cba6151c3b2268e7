"""`def` tasks run in threads, so that they do not hold up the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from warren.job import Job
from warren.outcome import to_json
from warren.task import Task


class InThreads:
    """Calls the task in a thread. A thread cannot be stopped, so there is no hard timeout."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    async def run(self, task: Task[..., Any], job: Job, *, timeout: float | None) -> bytes:
        """Return the result as JSON; raise what the task raised."""
        del timeout  # refused when the task is declared and when the job is submitted
        call = partial(copy_context().run, _call, task, job)
        result, error = await asyncio.get_running_loop().run_in_executor(self._threads, call)
        if error is not None:
            raise error
        return result


def _call(task: Task[..., Any], job: Job) -> tuple[bytes, BaseException | None]:
    """Return what the task gave or raised: futures mistake some exceptions for their own."""
    try:
        return to_json(task.fn(**task.arguments(job.input, job))), None
    except BaseException as error:  # noqa: BLE001 -- tasks may raise anything
        return b"", error
