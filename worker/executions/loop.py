"""`async def` tasks run on the worker's event loop."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from shared.infrastructure.logs import get_logger
from warren.job import Job
from warren.outcome import to_json
from warren.task import Task
from worker.executions import TimedOut

log = get_logger(__name__)

_GRACE = 5.0  # seconds in which a timed-out task may clean up


class OnTheLoop:
    """Awaits the task; a timeout cancels it, and is over even if the task ignores that."""

    def __init__(self) -> None:
        self._stuck: set[asyncio.Task[Any]] = set()

    async def run(self, task: Task[..., Any], job: Job, *, timeout: float | None) -> bytes:
        """Return the result as JSON; raise what the task raised, or TimedOut."""
        call: Awaitable[Any] = task.fn(**task.arguments(job.input, job))
        if timeout is None:
            return to_json(await call)
        return to_json(await self._bounded(call, timeout, job))

    async def _bounded(self, call: Awaitable[Any], timeout: float, job: Job) -> Any:
        running = asyncio.create_task(_outcome(call))
        try:
            done, _ = await asyncio.wait({running}, timeout=timeout)
            if not done:
                running.cancel()
                done, _ = await asyncio.wait({running}, timeout=_GRACE)
                if not done:
                    self._leave(running, job)
                raise TimedOut(timeout)
            result, error = running.result()
            if error is not None:
                raise error
            return result
        finally:
            running.cancel()

    def _leave(self, running: "asyncio.Task[Any]", job: Job) -> None:
        log.error("task.stuck", job_id=job.id, hint="it ignores cancellation; use process=True")
        self._stuck.add(running)
        running.add_done_callback(self._stuck.discard)


async def _outcome(call: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    """Return what a call gave or raised: a SystemExit must not escape from an asyncio task."""
    try:
        return await call, None
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 -- tasks may raise anything
        return None, error
