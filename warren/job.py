"""What a task sees of the job it is running: who it is, how to report, whether to stop."""

from __future__ import annotations

import math
from collections.abc import Generator
from datetime import datetime
from typing import Any, Literal, Protocol, get_args

from warren.outcome import plain

Level = Literal["debug", "info", "warning", "error"]


class JobPort(Protocol):
    """Where a job's reports go; the worker, the tests and a plain call each have their own."""

    @property
    def cancelled(self) -> bool:
        """Whether this job should stop."""

    def progress(self, current: float, total: float | None, message: str | None) -> None:
        """Take how far the job is."""

    def log(self, level: str, message: str, fields: dict[str, object]) -> None:
        """Take one log line; the fields are plain JSON values."""


class Silent:
    """A port that hears nothing, for a task that is called as the function it is."""

    cancelled = False

    def progress(self, current: float, total: float | None, message: str | None) -> None:
        """Drop the report."""

    def log(self, level: str, message: str, fields: dict[str, object]) -> None:
        """Drop the line."""


class Done:
    """An awaitable that has nothing left to do, so that reports work with and without `await`."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


_DONE = Done()


class Job:
    """The job a task is running; ask for it by type, anywhere in the task's parameters.

    Reports are taken at once, whether or not they are awaited, from any thread.
    """

    __slots__ = ("_port", "attempt", "id", "input", "max_attempts", "nominal_at", "schedule_id")

    def __init__(
        self,
        *,
        id: str,
        attempt: int,
        input: dict[str, Any],
        port: JobPort,
        max_attempts: int = 1,
        schedule_id: str | None = None,
        nominal_at: datetime | None = None,
    ) -> None:
        self.id = id
        self.attempt = attempt
        self.max_attempts = max_attempts
        self.input = input
        self.schedule_id = schedule_id
        self.nominal_at = nominal_at  # the instant for which its schedule submitted it, in UTC
        self._port = port

    @property
    def cancelled(self) -> bool:
        """Whether this job should stop: it was cancelled, or its soft timeout is over.

        A `def` task looks here now and then, and returns early. One that has seen that its job
        was cancelled ends `cancelled`, whatever it returns.
        """
        return self._port.cancelled

    def progress(
        self, current: float, total: float | None = None, message: str | None = None
    ) -> Done:
        """Say how far the job is: `current` of `total`, and a word on what is going on."""
        _check_number("current", current)
        if total is not None:
            _check_number("total", total)
        self._port.progress(current, total, None if message is None else plain_text(message))
        return _DONE

    def log(self, message: str, level: Level = "info", **fields: object) -> Done:
        """Write one line to the job's log; fields that are not JSON are kept as their `repr`."""
        if level not in get_args(Level):
            levels = ", ".join(get_args(Level))
            raise ValueError(f"log level {level!r} is unknown; use one of {levels}")
        self._port.log(level, plain_text(message), {name: plain(fields[name]) for name in fields})
        return _DONE

    def __repr__(self) -> str:
        return f"Job(id={self.id!r}, attempt={self.attempt})"


def detached() -> Job:
    """A job that reports to nobody, for calling a task as the function it is."""
    return Job(id="detached", attempt=1, input={}, port=Silent())


def plain_text(message: object) -> str:
    """The message as text that UTF-8 can carry."""
    return str(message).encode("utf-8", "backslashreplace").decode()


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"progress({name}={value!r}): it must be a finite number")
