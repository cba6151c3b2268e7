"""`@task`: turns a function into named code that workers can run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload

from pydantic_core import from_json

from warren.canvas.composing import Composing
from warren.docstring import Docstring
from warren.job import Job, detached
from warren.keys import (
    WhenBusy,
    check_key_limit,
    check_key_max_waiting,
    check_templates,
    check_when_busy,
    refuse_without_key,
    templates_of,
)
from warren.naming import task_name
from warren.options import (
    cache_of,
    check_priority,
    check_seconds,
    check_soft_timeout,
    check_timeout,
    limits_of,
    refuse_unknown_options,
    retry_policy,
    schedule_of,
)
from warren.outcome import to_json
from warren.sending import Sendable
from warren.signature import Signature
from warren.uniqueness import check_debounce, unique_of
from warren.verdict import Verdict

P = ParamSpec("P")
R = TypeVar("R")

Execution = Literal["loop", "thread", "process"]


class Task(Sendable[P, R], Composing, Generic[P, R]):
    """A function that can also be run by a worker; make one with `@task`."""

    __name__: str
    __wrapped__: Callable[..., R]

    def __init__(
        self,
        fn: Callable[..., R],
        *,
        name: str | None = None,
        queue: str = "default",
        timeout_s: float | None = None,
        soft_timeout_s: float | None = None,
        process: bool = False,
        retry: Mapping[str, Any] | None = None,
        never_retry: Iterable[type[BaseException]] = (),
        always_retry: Iterable[type[BaseException]] = (),
        priority: int = 5,
        limits: Iterable[Any] = (),
        expires_in_s: float | None = None,
        retention_s: float | None = None,
        schedule: str | Mapping[str, Any] | None = None,
        cache_ttl_s: float | None = None,
        cache_key: str | None = None,
        cache_stale_s: float | None = None,
        cache_failures: bool = False,
        unique: Mapping[str, Any] | None = None,
        debounce_s: float | None = None,
        debounce_max_s: float | None = None,
        key: str | Sequence[str] | None = None,
        key_limit: int | None = None,
        when_busy: WhenBusy | None = None,
        key_max_waiting: int | None = None,
        title: str | None = None,
        examples: Sequence[dict[str, Any]] = (),
    ) -> None:
        functools.update_wrapper(self, fn)
        self.name = task_name(fn, name)
        self.fn = fn
        self.queue = queue
        self.execution = _execution(fn, process)
        self.timeout_s = check_timeout(self.name, timeout_s, self.execution)
        self.soft_timeout_s = check_soft_timeout(self.name, soft_timeout_s, timeout_s)
        self.retry = retry_policy(self.name, retry)
        self.verdict = Verdict(self.name, never_retry, always_retry)
        self.priority = check_priority(self.name, priority)
        self.limits = limits_of(self.name, limits)
        self.expires_in_s = check_seconds(self.name, "expires_in_s", expires_in_s)
        self.retention_s = check_seconds(self.name, "retention_s", retention_s)
        self.schedule = schedule_of(self.name, schedule)
        self.cache = cache_of(
            self.name,
            cache_ttl_s,
            key=cache_key,
            stale_s=cache_stale_s,
            failures=cache_failures,
        )
        self.unique = unique_of(self.name, unique)
        self.debounce_s, self.debounce_max_s = debounce_s, debounce_max_s
        check_debounce(self.name, debounce_s, debounce_max_s, self.unique)
        if self.cache and (self.unique or debounce_s):
            raise ValueError(f"task {self.name!r}: give it either a cache, or unique or debounce_s")
        self.key = templates_of(self.name, key)
        self.key_limit = check_key_limit(self.name, key_limit)
        self.when_busy = check_when_busy(self.name, when_busy)
        self.key_max_waiting = check_key_max_waiting(self.name, key_max_waiting)
        if not self.key:
            refuse_without_key(self.name, key_limit, when_busy, key_max_waiting)
        described = Docstring.of(fn)
        self.doc = described.text
        self.title = title or described.title or self.name
        self.signature = Signature(fn, task=self.name)
        self.examples = list(examples)
        self._check_early()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now; a Job it asks for reports to nobody."""
        wanted = self.signature.job_parameter
        given = [*args, *kwargs.values()]
        if wanted is None or wanted in kwargs or any(isinstance(value, Job) for value in given):
            return self.fn(*args, **kwargs)
        return self.fn(**self.signature.arguments(*args, **kwargs), **{wanted: detached()})

    def input_schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12 of the input: an object with the parameters by name."""
        return self.signature.input_schema(title=self.name)

    def output_schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12 of the result; `{}` if the function does not say."""
        return self.signature.output_schema()

    def bind(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The JSON input that such a call means; InvalidInput if the arguments do not fit."""
        return self.checked(self.signature.arguments(*args, **kwargs))

    def checked(self, input: object) -> dict[str, Any]:
        """The input as JSON will carry it; InvalidInput if the task cannot take it."""
        value: dict[str, Any] = from_json(to_json(input))
        self.validate(value)
        return value

    def validate(self, input: object) -> dict[str, Any]:
        """The input as keyword arguments for `fn`, without the Job; else InvalidInput."""
        return self.signature.validate(input)

    def arguments(self, input: object, job: Job) -> dict[str, Any]:
        """Everything to call `fn` with: the validated input, and the Job where it is asked for."""
        wanted = self.signature.job_parameter
        return self.validate(input) | ({wanted: job} if wanted else {})

    def retryable(self, error: BaseException) -> bool:
        """Whether another attempt may help after this error, by `never_retry` and the others."""
        return self.verdict.retryable(error)

    def _check_early(self) -> None:
        try:
            check_templates(self.name, self.key, self.input_schema())
            self.output_schema()
        except NameError:
            return  # a type that the module defines further down: checked at first use
        for example in self.examples:
            self.validate(example)

    def __reduce__(self) -> str:
        return self.fn.__qualname__  # pickled by name, as functions are

    def __repr__(self) -> str:
        return f"<task {self.name}>"


@overload
def task(fn: Callable[Concatenate[Job, P], R], /) -> Task[P, R]: ...


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *,
    name: str | None = None,
    queue: str = "default",
    timeout_s: float | None = None,
    soft_timeout_s: float | None = None,
    process: bool = False,
    retry: Mapping[str, Any] | None = None,
    never_retry: Iterable[type[BaseException]] = (),
    always_retry: Iterable[type[BaseException]] = (),
    priority: int = 5,
    limits: Iterable[Any] = (),
    expires_in_s: float | None = None,
    retention_s: float | None = None,
    schedule: str | Mapping[str, Any] | None = None,
    cache_ttl_s: float | None = None,
    cache_key: str | None = None,
    cache_stale_s: float | None = None,
    cache_failures: bool = False,
    unique: Mapping[str, Any] | None = None,
    debounce_s: float | None = None,
    debounce_max_s: float | None = None,
    key: str | Sequence[str] | None = None,
    key_limit: int | None = None,
    when_busy: WhenBusy | None = None,
    key_max_waiting: int | None = None,
    title: str | None = None,
    examples: Sequence[dict[str, Any]] = (),
) -> Decorator: ...


def task(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a task: `@task`, or with options, `@task(queue="mail", timeout_s=60)`.

    Its name is `name`, or the last part of its module, a dot, and the function's name. `async def`
    runs on the worker's event loop, `def` in a thread, and either in a process of its own with
    `process=True`. `retry` lets failed attempts be followed by others, `schedule` submits jobs by
    itself; docs/writing-tasks.md has all options. Put a parameter of type Job first and calls stay
    typed without it.
    """
    refuse_unknown_options(options)
    return Decorator(options) if fn is None else Task(fn, **options)


class Decorator:
    """`@task(...)`, waiting for its function."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    @overload
    def __call__(self, fn: Callable[Concatenate[Job, P], R], /) -> Task[P, R]: ...

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Task[P, R]: ...

    def __call__(self, fn: Callable[..., Any], /) -> Task[..., Any]:
        """Make the function a task."""
        return Task(fn, **self._options)


def tasks_of(module: ModuleType) -> list[Task[..., Any]]:
    """The tasks that are attributes of the module, each once, in the order of their definition."""
    found = {id(value): value for value in vars(module).values() if isinstance(value, Task)}
    return list(found.values())


def _execution(fn: Callable[..., Any], process: bool) -> Execution:
    if process:
        return "process"
    return "loop" if inspect.iscoroutinefunction(fn) else "thread"
