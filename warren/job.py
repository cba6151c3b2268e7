"""What a task sees of the job it is running: who it is, how to report, whether to stop."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Generator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from warren.errors import EmptyReplacement, Replacement, WarrenError
from warren.growing import Planted, Spawned, SpawnOptions, graph_of
from warren.limiting import Lease, LimitPort, Unlimited
from warren.outcome import plain

if TYPE_CHECKING:
    from warren.canvas.signature import Part

Level = Literal["debug", "info", "warning", "error"]


class JobPort(Protocol):
    """Where a job's reports go; the worker, the tests and a plain call each have their own."""

    @property
    def cancelled(self) -> bool:
        """Whether this job should stop."""

    def progress(self, current: float, total: float | None, message: str | None) -> None:
        """Take how far the job is."""

    def limit(self, name: str, cost: float) -> LimitPort:
        """Take from a limit."""

    def outage(self) -> None:
        """Take that the other side seems to be out of order."""

    def log(self, level: str, message: str, fields: dict[str, object]) -> None:
        """Take one log line; the fields are plain JSON values."""

    def spawn(self, graph: dict[str, Any], options: SpawnOptions) -> Planted | Awaitable[Planted]:
        """Plant a graph; on an event loop that must not be blocked, when it is awaited."""


class Silent:
    """A port that hears nothing, for a task that is called as the function it is."""

    cancelled = False

    def progress(self, current: float, total: float | None, message: str | None) -> None:
        """Drop the report."""

    def log(self, level: str, message: str, fields: dict[str, object]) -> None:
        """Drop the line."""

    def limit(self, name: str, cost: float) -> LimitPort:
        """Let it pass."""
        return Unlimited()

    def outage(self) -> None:
        """Drop the report."""

    def spawn(self, graph: dict[str, Any], options: SpawnOptions) -> Planted:
        """Refuse: a graph that nobody runs would be a lie."""
        raise WarrenError(
            "a task that is called as the function it is cannot spawn; run it with"
            " warren.pytest_plugin.run_task, or hand it in"
        )


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

    __slots__ = (
        *("_port", "attempt", "id", "input", "limits", "max_attempts", "nominal_at"),
        "schedule_id",
    )

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
        limits: Sequence[str] = (),
    ) -> None:
        self.id = id
        self.attempt = attempt
        self.max_attempts = max_attempts
        self.input = input
        self.schedule_id = schedule_id
        self.nominal_at = nominal_at  # the instant for which its schedule submitted it, in UTC
        self.limits = tuple(limits)  # from which this attempt took when it began
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

    def limit(self, name: str, cost: float = 1) -> Lease:
        """Take `cost` tokens from a limit, and wait until it has them: `await job.limit("github")`.

        In a `def` task it returns when it has them. `lease.correct(actual)` says what it
        really cost; `async with job.limit(...)` also tells the limit how the call inside went.
        """
        return Lease(name, cost, self._port.limit(name, cost))

    def outage(self) -> Done:
        """Say that the other side seems to be out of order, whatever the task makes of it.

        The circuit breakers of the limits with which the attempt began count it.
        """
        self._port.outage()
        return _DONE

    def spawn(
        self,
        graph: Part | Mapping[str, Any],
        *,
        wait: bool = False,
        join: bool = False,
        name: str | None = None,
    ) -> Spawned:
        """Let a task, a signature or a workflow's document run beside this job, from now on.

        In an `async def` task await it; elsewhere it returns when they are stored. With `wait` this
        job ends only when they have, so that what depends on it waits too, and it fails if they
        do; with `join` also the value of the graph follows that of this job in lists, as if it
        were one more member of the group. Raises InvalidWorkflow and other CannotGrow.

        An attempt that is repeated spawns nothing twice: spawns are told apart by the order of the
        calls, or by `name` where that may differ between attempts.
        """
        options: SpawnOptions = {"wait": wait or join, "join": join, "name": name}
        return Spawned(self._port.spawn(graph_of(graph), options))

    def replace_with(self, graph: Part | Mapping[str, Any]) -> Replacement:
        """What to raise so that a graph does the rest: `raise job.replace_with(a.s(1) | b.s())`.

        The result of the graph becomes that of this job, which keeps its id, place, links and
        dependents. Raises EmptyReplacement for a graph without nodes.
        """
        document = graph_of(graph)
        if not document.get("nodes"):
            raise EmptyReplacement(self.id)
        return Replacement(document)

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
