"""`process=True` tasks run in child processes, which are killed when their time is up."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any

import orjson

from warren.errors import CannotGrow, Replacement
from warren.growing import SpawnOptions
from warren.job import Job
from warren.task import Task
from worker.attempt import Attempt
from worker.executions import Limits, TimedOut
from worker.executions.frames import HEADER_SIZE, encode_frame, frame_size
from worker.executions.refusals import refusal
from worker.rest import Rest

_START = 60.0  # seconds for a child to import its tasks


class ProcessDied(Exception):
    """The child process ended before the task did: killed, out of memory, or os._exit."""


class TaskFailed(Exception):
    """Carries the error of a task that failed in a child process, already in its JSON form."""

    def __init__(self, error: dict[str, Any], rest: dict[str, Any] | None) -> None:
        super().__init__(f"{error['type']}: {error['message']}")
        self.error = error
        self.rest = Rest(**rest) if rest else None  # that it asked for


class InProcesses:
    """Keeps idle children warm, one task at a time in each."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = ",".join(modules)
        self._idle: list[Process] = []

    async def run(self, task: Task[..., Any], job: Job, attempt: Attempt, limits: Limits) -> bytes:
        """Return the result as JSON; raise TaskFailed, ProcessDied or TimedOut."""
        child = self._take_idle() or await self._start()
        finished = False
        try:
            attempt.cut = lambda: _cut(child, attempt)
            if attempt.asked:
                attempt.cut()
            async with asyncio.timeout(limits.hard_s):
                answer = await _call(child, task.name, job, attempt, limits.soft_s)
            finished = True
        except TimeoutError as error:
            raise TimedOut(limits.hard_s or 0) from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await _death(child) from error
        finally:
            attempt.cut = None
            if finished and child.returncode is None and not attempt.knows:
                self._idle.append(child)
            else:
                _kill(child)
        if "error" in answer:
            raise TaskFailed(answer["error"], answer["rest"])
        if "replacement" in answer:
            raise Replacement(answer["replacement"])
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
            start_new_session=True,  # so that what the task starts can be killed with it
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


async def _call(
    child: Process, task: str, job: Job, attempt: Attempt, soft_s: float | None
) -> dict[str, Any]:
    await _send(child, {"task": task, "soft_s": soft_s, "job": _told(job)})
    while True:
        frame = await _next_frame(child)
        if "progress" in frame:
            job.progress(*frame["progress"])
        elif "outage" in frame:
            job.outage()
        elif "log" in frame:
            level, message, fields = frame["log"]
            job.log(message, level, **fields)
        elif "spawn" in frame:
            await _send(child, await _planted(attempt, *frame["spawn"]))
        else:
            return frame


async def _planted(
    attempt: Attempt, graph: dict[str, Any], options: SpawnOptions
) -> dict[str, Any]:
    assert attempt.grow is not None
    try:
        planted = attempt.grow(attempt, graph, options)
        return {"planted": await planted if isinstance(planted, Awaitable) else planted}
    except CannotGrow as error:
        return {"refused": refusal(error)}


async def _send(child: Process, frame: dict[str, Any]) -> None:
    assert child.stdin is not None
    child.stdin.write(encode_frame(frame))
    await child.stdin.drain()


def _told(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "input": job.input,
        "schedule_id": job.schedule_id,
        "nominal_at": job.nominal_at,
        "limits": job.limits,
    }


async def _next_frame(child: Process) -> dict[str, Any]:
    assert child.stdout is not None
    header = await child.stdout.readexactly(HEADER_SIZE)
    body = await child.stdout.readexactly(frame_size(header))
    frame: dict[str, Any] = orjson.loads(body)
    return frame


async def _death(child: Process) -> ProcessDied:
    return ProcessDied(f"the process of the task ended with code {await child.wait()}")


def _cut(child: Process, attempt: Attempt) -> None:
    attempt.knows = True
    _kill(child)


def _kill(child: Process) -> None:
    """Kill a child and the processes that its task has started."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
