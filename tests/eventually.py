"""Waiting in tests: until something is so, with a deadline and a message, never a bare sleep."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

Seen = TypeVar("Seen")

PAUSE = 0.01  # seconds between two looks


@overload
async def eventually(
    condition: Callable[[], Awaitable[Seen | None]], *, within: float = 5, what: str = ""
) -> Seen: ...


@overload
async def eventually(
    condition: Callable[[], Seen | None], *, within: float = 5, what: str = ""
) -> Seen: ...


async def eventually(condition: Callable[[], Any], *, within: float = 5, what: str = "") -> Any:
    """Return what `condition` gives once that is true; fail if it is not `within` seconds.

    An AssertionError that it raises counts as not yet true, and is shown if time runs out.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        seen, failure = await _look(condition)
        if failure is None and seen:
            return seen
        if loop.time() > deadline:
            told = failure if failure is not None else f"last seen: {seen!r}"
            raise AssertionError(f"{what or _source(condition)} not within {within:g} s; {told}")
        await asyncio.sleep(PAUSE)


async def _look(condition: Callable[[], Any]) -> tuple[Any, AssertionError | None]:
    try:
        seen = condition()
        if inspect.isawaitable(seen):
            seen = await seen
    except AssertionError as error:
        return None, error
    return seen, None


def _source(condition: Callable[[], object]) -> str:
    """The condition as it stands in the test, for the message."""
    try:
        lines = inspect.getsource(condition)
    except (OSError, TypeError):
        return repr(condition)
    return " ".join(lines.split())
