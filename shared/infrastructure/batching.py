"""Group commit: while one write is under way, what arrives collects for the next.

No timer, so an idle service adds no delay; under load a batch is as large as one write is slow.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from shared.contracts.errors import Unavailable
from shared.infrastructure.logs import get_logger

Item = TypeVar("Item")
log = get_logger(__name__)


class GroupCommit(Generic[Item]):
    """Collects items and writes them together; each caller learns when its own is written."""

    def __init__(self, write: Callable[[list[Item]], Awaitable[None]], *, most: int = 1000) -> None:
        self._write = write
        self._most = most
        self._pending: deque[tuple[Item, asyncio.Future[None]]] = deque()
        self._arrived = asyncio.Event()
        self._closing = False

    def put(self, item: Item) -> "asyncio.Future[None]":
        """Add an item; the future is done once it is written, or has what its batch raised."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((item, written))
        self._arrived.set()
        return written

    def __len__(self) -> int:
        """Return how many items wait for the next batch."""
        return len(self._pending)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["GroupCommit[Item]"]:
        """Write batches as long as the context is open; what is pending then is still written."""
        writer = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            self._closing = True
            self._arrived.set()
            await writer

    async def _run(self) -> None:
        while self._pending or not self._closing:
            await self._arrived.wait()
            while self._pending:
                await self._write_one_batch()
            if not self._closing:
                self._arrived.clear()

    async def _write_one_batch(self) -> None:
        size = min(self._most, len(self._pending))
        batch = [self._pending.popleft() for _ in range(size)]
        try:
            await self._write([item for item, _ in batch])
        except asyncio.CancelledError:
            for _, written in batch:
                written.cancel()
            raise
        except Exception as error:
            if not isinstance(error, Unavailable):
                log.exception("batch.failed", size=size)
            _fail([written for _, written in batch], error)
        else:
            for _, written in batch:
                if not written.done():  # its caller may have gone away
                    written.set_result(None)


def _fail(waiting: "list[asyncio.Future[None]]", error: Exception) -> None:
    for written in waiting:
        if not written.done():
            written.set_exception(error)
            written.exception()  # a caller that went away must not leave a warning
