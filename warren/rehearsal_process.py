"""Runs a `process=True` task of a test in a process of its own, which is killed when it is late."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from warren.errors import Replacement
from warren.growing import Planted, SpawnOptions
from warren.job import Job, JobPort
from warren.limiting import Unlimited
from warren.outcome import error_of, snooze_of, to_json
from warren.soft_timeout import call_here

if TYPE_CHECKING:
    from warren.task import Task


@dataclass(frozen=True)
class Limits:
    """The soft and the hard timeout of an attempt, in seconds; a soft one comes first or not."""

    soft_s: float | None = None
    hard_s: float | None = None

    def __post_init__(self) -> None:
        if self.soft_s is not None and self.hard_s is not None and self.soft_s >= self.hard_s:
            object.__setattr__(self, "soft_s", None)

    @property
    def first_s(self) -> float | None:
        """The time until the first of them."""
        return self.hard_s if self.soft_s is None else self.soft_s

    @property
    def rest_s(self) -> float | None:
        """The time from the soft to the hard one."""
        return None if self.hard_s is None else self.hard_s - (self.soft_s or 0)


class TimedOut(TimeoutError):
    """The attempt took longer than its timeout."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the attempt took longer than its timeout of {seconds:g} s")


class ProcessDied(Exception):
    """The process ended before the task did: killed, out of memory, or os._exit."""


class FailedThere(Exception):
    """The task failed in its process; `error` is already as a job has it."""

    def __init__(self, error: dict[str, Any], after_s: float | None) -> None:
        super().__init__(f"{error['type']}: {error['message']}")
        self.error = error
        self.after_s = after_s  # the rest it asked for


def run_in_process(task: Task[..., Any], job: Job, port: JobPort, limits: Limits) -> bytes:
    """The result as JSON; FailedThere, ProcessDied or TimedOut."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    told = {
        "id": job.id,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "input": job.input,
        "nominal_at": job.nominal_at,
    }
    child = context.Process(target=_run, args=(there, task, told, limits.soft_s))
    child.start()
    there.close()
    try:
        return _listen(here, port, limits.hard_s)
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
        if kind in ("progress", "log", "outage"):
            getattr(port, kind)(*rest)
        elif kind == "spawn":
            here.send(port.spawn(*rest))
        elif kind == "replacement":
            raise Replacement(*rest)
        elif kind == "error":
            raise FailedThere(*rest)
        else:
            result: bytes = rest[0]
            return result


class _Port:
    """Sends the reports of the task to the test."""

    cancelled = False  # a process is killed instead

    def __init__(self, there: Connection) -> None:
        self._there = there

    def progress(self, *report: object) -> None:
        self._there.send(("progress", *report))

    def limit(self, name: str, cost: float) -> Unlimited:
        raise RuntimeError(f"a process task cannot wait for {name!r}: use @task(limits=...)")

    def outage(self) -> None:
        self._there.send(("outage",))

    def log(self, *line: object) -> None:
        self._there.send(("log", *line))

    def spawn(self, graph: dict[str, Any], options: SpawnOptions) -> Planted:
        self._there.send(("spawn", graph, options))
        planted: Planted = self._there.recv()
        return planted


def _run(
    there: Connection, task: Task[..., Any], told: dict[str, Any], soft_timeout_s: float | None
) -> None:
    there.send(("ready",))
    job = Job(**told, port=_Port(there))
    try:
        there.send(("result", to_json(call_here(task, job, soft_timeout_s))))
    except Replacement as replacement:
        there.send(("replacement", replacement.graph))
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is an outcome
        failure = error_of(error, attempt=job.attempt, retryable=task.retryable)
        there.send(("error", failure, snooze_of(error)))
