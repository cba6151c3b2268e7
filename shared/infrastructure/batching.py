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
        self._timer: asyncio.TimerHandle | None = None  # for the first of those that have time
        self._closing = False

    def put(self, item: Item, *, within: float = 0) -> "asyncio.Future[None]":
        """Add an item; the future is done once it is written, or has what its batch raised.

        One that has time goes with the next that has none, after `within` seconds at the latest.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((item, written))
        if within:
            self._write_in(within)
        else:
            self._arrived.set()
        return written

    def _write_in(self, seconds: float) -> None:
        """Write after so many seconds, unless that is to happen earlier."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._arrived.set)

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
            if not self._closing and len(self._pending) <= self._most:
                self._arrived.clear()
            if self._pending:
                await self._write_one_batch()

    def _take(self) -> list[tuple[Item, "asyncio.Future[None]"]]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        size = min(self._most, len(self._pending))
        return [self._pending.popleft() for _ in range(size)]

    async def _write_one_batch(self) -> None:
        batch = self._take()
        try:
            await self._write([item for item, _ in batch])
        except asyncio.CancelledError:
            for _, written in batch:
                written.cancel()
            raise
        except Exception as error:
            if not isinstance(error, Unavailable):
                log.exception("batch.failed", size=len(batch))
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
