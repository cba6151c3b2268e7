"""The async client dressed as the sync one, so that one test holds both to the same promises."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from warren import AsyncClient, AsyncJobHandle
from warren.canvas.handle import AsyncWorkflowHandle
from warren.canvas.workflows import AsyncWorkflows
from warren.lanes import AsyncLanes
from warren.limits import AsyncLimits
from warren.schedules import AsyncSchedules


class Blocking:
    """Anything async, each of its coroutines run to its end at once."""

    def __init__(self, thing: Any, runner: asyncio.Runner) -> None:
        self._thing = thing
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._thing, name)
        if name in ("status", "attempts"):
            return self._dressed(value())
        if isinstance(value, AsyncLanes | AsyncLimits | AsyncSchedules | AsyncWorkflows):
            return Blocking(value, self._runner)
        if not callable(value):
            return value
        return lambda *args, **kwargs: self._dressed(value(*args, **kwargs))

    def _dressed(self, value: Any) -> Any:
        if inspect.iscoroutine(value):
            return self._dressed(self._runner.run(value))
        if isinstance(value, AsyncGenerator):
            return self._iterate(value)
        if isinstance(value, list):
            return [self._dressed(item) for item in value]
        handles = (AsyncJobHandle, AsyncWorkflowHandle)
        return Blocking(value, self._runner) if isinstance(value, handles) else value

    def _iterate(self, values: AsyncGenerator[Any, None]) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._runner.run(_next(values))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(values.aclose())


async def _next(values: AsyncGenerator[Any, None]) -> Any:
    return await anext(values)


def blocking(client: AsyncClient, runner: asyncio.Runner) -> Any:
    return Blocking(client, runner)
