"""Runs a `process=True` task of a test in a process of its own, which is killed when it is late."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from warren.job import Job, JobPort
from warren.outcome import error_of, to_json

if TYPE_CHECKING:
    from warren.task import Task


class TimedOut(Exception):
    """The attempt took longer than its timeout."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the attempt took longer than its timeout of {seconds:g} s")


class ProcessDied(Exception):
    """The process ended before the task did: killed, out of memory, or os._exit."""


class FailedThere(Exception):
    """The task failed in its process; `error` is already as a job has it."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['type']}: {error['message']}")
        self.error = error


def run_in_process(task: Task[..., Any], job: Job, port: JobPort, timeout_s: float | None) -> bytes:
    """The result as JSON; FailedThere, ProcessDied or TimedOut."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(
        target=_run, args=(there, task, job.id, job.attempt, job.input, port.cancelled)
    )
    child.start()
    there.close()
    try:
        return _listen(here, port, timeout_s)
    except EOFError:
        child.join()
        raise ProcessDied(f"the process of the task ended with code {child.exitcode}") from None
    finally:
        child.kill()
        child.join()
        child.close()
        here.close()


def _listen(here: Connection, port: JobPort, timeout_s: float | None) -> bytes:
    kind, *rest = here.recv()
    assert kind == "ready"  # the clock starts with the task, not with the interpreter
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not here.poll(left):
            raise TimedOut(timeout_s or 0)
        kind, *rest = here.recv()
        if kind == "progress":
            port.progress(*rest)
        elif kind == "log":
            port.log(*rest)
        elif kind == "error":
            raise FailedThere(*rest)
        else:
            result: bytes = rest[0]
            return result


class _Port:
    """Sends the reports of the task to the test."""

    def __init__(self, there: Connection, cancelled: bool) -> None:
        self.cancelled = cancelled
        self._there = there

    def progress(self, *report: object) -> None:
        self._there.send(("progress", *report))

    def log(self, *line: object) -> None:
        self._there.send(("log", *line))


def _run(
    there: Connection,
    task: Task[..., Any],
    job_id: str,
    attempt: int,
    value: dict[str, Any],
    cancelled: bool,
) -> None:
    there.send(("ready",))
    job = Job(id=job_id, attempt=attempt, input=value, port=_Port(there, cancelled))
    try:
        result = task.fn(**task.arguments(value, job))
        there.send(
            ("result", to_json(asyncio.run(result) if inspect.iscoroutine(result) else result))
        )
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is an outcome
        there.send(("error", error_of(error, attempt=attempt)))
