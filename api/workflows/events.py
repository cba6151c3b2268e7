"""A workflow's stream as Server-Sent Events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

from api.workflows.following import Told

_KEEP_ALIVE = 15.0  # seconds between comments, so that nothing in between drops the connection
_AHEAD = 16  # changes made before the client has taken them


async def event_stream(changes: AsyncGenerator[Told, None]) -> AsyncIterator[bytes]:
    """Yield each change as an event, and comments while nothing happens.

    Only changes of the workflow itself have an `id`: whoever comes back with it gets a snapshot.
    """
    ready: asyncio.Queue[Told | None] = asyncio.Queue(_AHEAD)

    async def fill() -> None:
        try:
            async with aclosing(changes):
                async for told in changes:
                    await ready.put(told)
        finally:
            with suppress(asyncio.QueueFull):
                ready.put_nowait(None)

    filling = asyncio.create_task(fill())
    try:
        while not (filling.done() and ready.empty()):
            try:
                async with asyncio.timeout(_KEEP_ALIVE):
                    told = await ready.get()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if told is not None:
                yield _event(told)
    finally:
        filling.cancel()
        with suppress(asyncio.CancelledError):
            await filling


def _event(told: Told) -> bytes:
    number = f"id: {told.seq}\n" if told.subject == "workflow" else ""
    return f"event: {told.event}\n{number}data: ".encode() + told.body + b"\n\n"
