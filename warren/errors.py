"""Everything Warren raises on purpose, as one tree.

WarrenError
├── InvalidInput            an input does not fit the task's signature
├── Unserialisable          a value cannot become JSON
├── Signal                  raised by a task to steer what happens next
│   ├── Retry               run again, perhaps after a while
│   ├── GiveUp              fail now, do not run again
│   └── RateLimited         the other side asked for a pause
└── ClientError             something between you and the service
    ├── Problem             the service answered with a problem (RFC 9457)
    ├── Unreachable         the service did not answer
    ├── JobFailed           the job ended without a result
    ├── JobTimeout          the job has not ended in the time you gave it
    └── NotFinished         a result was asked for before there was one
"""

from __future__ import annotations

from collections.abc import Sequence
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


class Signal(WarrenError):
    """Raised by a task to steer what happens to its job next."""


class Retry(Signal):
    """Run this job again, after `after_s` seconds or after the task's usual backoff."""

    def __init__(self, after_s: float | None = None, message: str = "") -> None:
        self.after_s = after_s
        self.message = message
        super().__init__(message or "the task asked to be run again")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.after_s, self.message)


class GiveUp(Signal):
    """Fail this job now: running it again would not help."""

    def __init__(self, message: str = "the task gave up") -> None:
        super().__init__(message)


class RateLimited(Signal):
    """The other side asked for a pause of `after_s` seconds; this is not the job's fault."""

    def __init__(self, after_s: float | None = None) -> None:
        self.after_s = after_s
        wait = "" if after_s is None else f"; it asked for {after_s:g} s of pause"
        super().__init__(f"the other side limits the rate{wait}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.after_s,)


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
        return _problem, (self.status, self.type, self.title, self.detail, self.errors)


def _problem(status: int, type_: str, title: str, detail: str, errors: list[Fault]) -> Problem:
    return Problem(status=status, type=type_, title=title, detail=detail, errors=errors)


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
