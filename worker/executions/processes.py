"""`process=True` tasks run in child processes, which are killed when their time is up."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from shared.infrastructure.logs import get_logger
from warren.job import Job
from warren.task import Task
from worker.executions import TimedOut
from worker.executions.frames import HEADER_SIZE, encode_frame, frame_size

log = get_logger(__name__)

_START = 60.0  # seconds for a child to import its tasks


class ProcessDied(Exception):
    """The child process ended before the task did: killed, out of memory, or os._exit."""


class TaskFailed(Exception):
    """Carries the error of a task that failed in a child process, already in its JSON form."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['type']}: {error['message']}")
        self.error = error


class InProcesses:
    """Keeps idle children warm, one task at a time in each."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = ",".join(modules)
        self._idle: list[Process] = []

    async def run(self, task: Task[..., Any], job: Job, *, timeout: float | None) -> bytes:
        """Return the result as JSON; raise TaskFailed, ProcessDied or TimedOut."""
        child = self._take_idle() or await self._start()
        finished = False
        try:
            async with asyncio.timeout(timeout):
                answer = await _call(child, task.name, job)
            finished = True
        except TimeoutError as error:
            raise TimedOut(timeout or 0) from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await _death(child) from error
        finally:
            if finished and child.returncode is None:
                self._idle.append(child)
            else:
                _kill(child)
        if "error" in answer:
            raise TaskFailed(answer["error"])
        result: str = answer["result"]
        return result.encode()

    async def close(self) -> None:
        """Kill the idle children."""
        for child in self._idle:
            _kill(child)
            await child.wait()
        self._idle.clear()

    def _take_idle(self) -> Process | None:
        while self._idle:
            child = self._idle.pop()
            if child.returncode is None:  # else somebody killed it
                return child
        return None

    async def _start(self) -> Process:
        """Return a new child that has imported its tasks: a job's time counts from then on."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "worker.executions.child",
            self._modules,
            stdin=PIPE,
            stdout=PIPE,
        )
        ready = False
        try:
            async with asyncio.timeout(_START):
                await _next_frame(child)
            ready = True
        except asyncio.IncompleteReadError as error:
            raise await _death(child) from error
        except TimeoutError as error:
            raise ProcessDied(f"it did not import its tasks in {_START:g} s") from error
        finally:
            if not ready:
                _kill(child)
        return child


async def _call(child: Process, task: str, job: Job) -> dict[str, Any]:
    assert child.stdin is not None
    call = {"task": task, "id": job.id, "attempt": job.attempt, "input": job.input}
    child.stdin.write(encode_frame(call))
    await child.stdin.drain()
    while True:
        frame = await _next_frame(child)
        if "progress" in frame:
            job.progress(*frame["progress"])
        elif "log" in frame:
            level, message, fields = frame["log"]
            job.log(message, level, **fields)
        else:
            return frame


async def _next_frame(child: Process) -> dict[str, Any]:
    assert child.stdout is not None
    header = await child.stdout.readexactly(HEADER_SIZE)
    body = await child.stdout.readexactly(frame_size(header))
    frame: dict[str, Any] = orjson.loads(body)
    return frame


async def _death(child: Process) -> ProcessDied:
    return ProcessDied(f"the process of the task ended with code {await child.wait()}")


def _kill(child: Process) -> None:
    with suppress(ProcessLookupError):
        child.kill()
