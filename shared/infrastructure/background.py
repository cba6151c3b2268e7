"""Tasks that run beside others, and end for certain when they are told to."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

_AGAIN_AFTER = 2.0  # seconds; leaving in good order takes less


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run this beside the context; end it, and wait for that, when the context is left."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await end(task)
        if not task.cancelled():
            task.result()  # it had failed


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks until they have ended.

    Once is not enough: a cancellation that comes as a call of the AMQP library has just been
    answered is swallowed there (`asyncio.wait_for` before Python 3.12 does that too).
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_AGAIN_AFTER)
