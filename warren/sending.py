"""`.delay`, `.submit` and their async twins: a task sent to the service instead of called."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from warren.submission import split

if TYPE_CHECKING:
    from warren.async_client import AsyncClient
    from warren.client import Client
    from warren.handle import AsyncJobHandle, JobHandle
    from warren.task import Task

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Sendable(Generic[P, R]):
    """The half of a Task that hands in jobs, through the default client of this process or loop.

    The default client is opened at first use, from WARREN_URL and WARREN_API_KEY.
    """

    @overload
    def delay(
        self: Sendable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[T]: ...

    @overload
    def delay(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]: ...

    def delay(self, *args: Any, **kwargs: Any) -> Any:
        """Hand in a job that calls the task with these arguments."""
        task = self._task
        return _client().submit(task, task.signature.arguments(*args, **kwargs))

    @overload
    async def adelay(
        self: Sendable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncJobHandle[T]: ...

    @overload
    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncJobHandle[R]: ...

    async def adelay(self, *args: Any, **kwargs: Any) -> Any:
        """`delay` for async code."""
        task = self._task
        client = await _async_client()
        return await client.submit(task, task.signature.arguments(*args, **kwargs))

    @overload
    def submit(
        self: Sendable[P, Coroutine[Any, Any, T]], *args: Any, **kwargs: Any
    ) -> JobHandle[T]: ...

    @overload
    def submit(self, *args: Any, **kwargs: Any) -> JobHandle[R]: ...

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """`delay`, with submission fields among the keywords: `add.submit(1, 4, queue="bulk")`.

        Also `idempotency_key` and `wait` (seconds to wait for the end). A keyword that names a
        parameter of the function goes to the function.
        """
        task = self._task
        call, fields = split(task, kwargs)
        return _client().submit(task, task.signature.arguments(*args, **call), **fields)

    @overload
    async def asubmit(
        self: Sendable[P, Coroutine[Any, Any, T]], *args: Any, **kwargs: Any
    ) -> AsyncJobHandle[T]: ...

    @overload
    async def asubmit(self, *args: Any, **kwargs: Any) -> AsyncJobHandle[R]: ...

    async def asubmit(self, *args: Any, **kwargs: Any) -> Any:
        """`submit` for async code."""
        task = self._task
        call, fields = split(task, kwargs)
        client = await _async_client()
        return await client.submit(task, task.signature.arguments(*args, **call), **fields)

    @property
    def _task(self) -> Task[..., Any]:
        return cast("Task[..., Any]", self)


def _client() -> Client:
    # Declaring tasks, as workers do, should not import HTTP.
    from warren.default import default_client  # noqa: PLC0415

    return default_client()


async def _async_client() -> AsyncClient:
    from warren.default import default_async_client  # noqa: PLC0415 - as above

    return await default_async_client()
