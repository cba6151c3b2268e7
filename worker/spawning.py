"""Graphs that a task has spawned on the event loop, whether or not it awaits them."""

import asyncio
from collections.abc import Coroutine, Generator, Sequence
from typing import Any

from warren.growing import Planted


class Spawning:
    """One graph on its way into the store: under way at once, and to be awaited by the task."""

    def __init__(self, planting: Coroutine[Any, Any, Planted]) -> None:
        self.running = asyncio.ensure_future(planting)
        self.awaited = False

    def __await__(self) -> Generator[Any, None, Planted]:
        self.awaited = True
        # Shielded: a task that is cut short must not leave it half there.
        return (yield from asyncio.shield(self.running).__await__())


async def all_stored(spawnings: Sequence[Spawning]) -> None:
    """Wait for all; raise what went wrong with one that the task has not awaited."""
    if spawnings:
        await asyncio.wait([each.running for each in spawnings])
    for each in spawnings:
        error = each.running.exception()
        if error is not None and not each.awaited:
            raise error
