"""Everything Warren raises on purpose, as one tree.

WarrenError
├── InvalidInput            an input does not fit the task's signature
├── Unserialisable          a value cannot become JSON
├── SoftTimeout             raised in a process task when its soft timeout strikes
├── CannotGrow              what a task wants to spawn, or to be replaced by, cannot be
│   ├── InvalidWorkflow     the graph is not in order
│   └── EmptyReplacement    a graph without nodes cannot replace a job
├── Signal                  raised by a task to steer what happens next
│   ├── Retry               run again, perhaps after a while
│   ├── GiveUp              fail now, do not run again
│   ├── Replacement         let a graph do the rest; made by `job.replace_with`
│   └── RateLimited         the other side asked for a pause
└── ClientError             something between you and the service
    ├── Problem             the service answered with a problem (RFC 9457)
    │   └── AlreadyFinished the job had ended before it could be cancelled
    ├── Unreachable         the service did not answer
    ├── JobFailed           the job ended without a result
    ├── JobTimeout          the job has not ended in the time you gave it
    └── NotFinished         a result was asked for before there was one
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from warren.job_view import JobView


class Fault(TypedDict):
    """One thing wrong with an input: where (a JSON Pointer) and what."""

    pointer: str
    message: str


class WarrenError(Exception):
    """The root: catch it to catch everything Warren raises on purpose."""


class InvalidInput(WarrenError):
    """An input does not fit the task's signature; `errors` says where and why."""

    def __init__(self, errors: Sequence[Fault], *, task: str | None = None) -> None:
        self.errors: list[Fault] = list(errors)
        self.task = task
        said = "; ".join(
            f"{fault['pointer'] or 'the input'}: {fault['message']}" for fault in self.errors
        )
        super().__init__(f"invalid input for {task}: {said}" if task else f"invalid input: {said}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _invalid_input, (self.errors, self.task)


def _invalid_input(errors: list[Fault], task: str | None) -> InvalidInput:
    return InvalidInput(errors, task=task)


class Unserialisable(WarrenError):
    """A value cannot become JSON; the message names what and where."""


class SoftTimeout(WarrenError, TimeoutError):
    """The attempt's soft timeout is over: tidy up and return, or let this go on.

    Raised inside `process=True` tasks; `async def` tasks are cancelled instead, and for `def` tasks
    `job.cancelled` turns true. Beware of an `except Exception` around everything.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the attempt took longer than its soft timeout of {seconds:g} s")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.seconds,)


class CannotGrow(WarrenError):
    """What a task wants to spawn, or to be replaced by, cannot be; another attempt changes nothing.

    Too deep, or another graph than the attempt before this one had spawned in the same place.
    """


class InvalidWorkflow(CannotGrow):
    """The graph is not in order; `errors` says which node and why."""

    def __init__(self, errors: Sequence[Fault]) -> None:
        self.errors: list[Fault] = list(errors)
        super().__init__("; ".join(f"{e['pointer'] or '/'}: {e['message']}" for e in self.errors))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.errors,)


class EmptyReplacement(CannotGrow):
    """A graph without nodes cannot replace a job: return the value instead."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            f"job {job_id} cannot be replaced by an empty graph; return the value instead"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.job_id,)


class Signal(WarrenError):
    """Raised by a task to steer what happens to its job next."""


class Retry(Signal):
    """Run this job again.

    With `after_s` (seconds, or a timedelta) the job rests for so long, and the attempt does not
    count. Without it, the attempt failed, and the job's retry policy says when the next one is.
    """

    def __init__(self, after_s: float | timedelta | None = None, message: str = "") -> None:
        self.after_s = _seconds(after_s)
        self.message = message
        super().__init__(message or "the task asked to be run again")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.after_s, self.message)


class GiveUp(Signal):
    """Fail this job now: running it again would not help."""

    def __init__(self, message: str = "the task gave up") -> None:
        super().__init__(message)


class Replacement(Signal):
    """The job's attempt is over, and a graph does the rest: its result becomes the job's."""

    def __init__(self, graph: dict[str, Any]) -> None:
        self.graph = graph  # as the service reads workflows
        super().__init__("the job is replaced by a graph")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.graph,)


class RateLimited(Signal):
    """The other side asked for a pause of `after_s` seconds; this is not the job's fault.

    With `after_s` the job rests for so long, and the attempt does not count.
    """

    def __init__(self, after_s: float | timedelta | None = None) -> None:
        self.after_s = _seconds(after_s)
        wait = "" if self.after_s is None else f"; it asked for {self.after_s:g} s of pause"
        super().__init__(f"the other side limits the rate{wait}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.after_s,)


def _seconds(after_s: float | timedelta | None) -> float | None:
    if after_s is None:
        return None
    if isinstance(after_s, timedelta):
        return after_s.total_seconds()
    if isinstance(after_s, bool) or not isinstance(after_s, int | float):
        raise TypeError(f"after_s={after_s!r}: it must be a number of seconds or a timedelta")
    return float(after_s)


class ClientError(WarrenError):
    """Something went wrong between you and the service."""


class Problem(ClientError):
    """The service refused, and said why (RFC 9457 problem details)."""

    def __init__(
        self,
        *,
        status: int,
        type: str = "about:blank",
        title: str = "",
        detail: str = "",
        errors: Sequence[Fault] = (),
    ) -> None:
        self.status = status
        self.type = type
        self.slug = "" if type == "about:blank" else type.rstrip("/").rsplit("/", 1)[-1]
        self.title = title
        self.detail = detail
        self.errors: list[Fault] = list(errors)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        said = self.detail or self.title or "no explanation was given"
        where = "; ".join(f"{fault['pointer']}: {fault['message']}" for fault in self.errors)
        return f"{self.status} {self.slug or self.title}: {said}" + (f" ({where})" if where else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _problem, (type(self), self.status, self.type, self.title, self.detail, self.errors)


def _problem(
    kind: type[Problem], status: int, type_: str, title: str, detail: str, errors: list[Fault]
) -> Problem:
    return kind(status=status, type=type_, title=title, detail=detail, errors=errors)


class AlreadyFinished(Problem):
    """The job had ended before it could be cancelled; its end stands."""


class Unreachable(ClientError):
    """The service did not answer, however often it was asked."""


class JobFailed(ClientError):
    """The job ended without a result; `job` is its last state."""

    def __init__(self, job: JobView) -> None:
        self.job = job
        self.error = job.error
        said = f"{job.error.type}: {job.error.message}" if job.error else "no error was recorded"
        super().__init__(f"job {job.id} ({job.task}) {job.status}: {said}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.job,)


class JobTimeout(ClientError, TimeoutError):
    """The job has not ended in the time you gave it; it goes on, and you may ask again."""

    def __init__(self, job_id: str, waited_s: float) -> None:
        self.job_id = job_id
        self.waited_s = waited_s
        super().__init__(
            f"job {job_id} has not ended within {waited_s:g} s; it goes on, wait again or cancel it"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.job_id, self.waited_s)


class NotFinished(ClientError):
    """A result was asked for before there was one."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"job {job_id} has no result yet; use wait({job_id!r}) to wait for it")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.job_id,)
