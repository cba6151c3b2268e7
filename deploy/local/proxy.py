"""A TCP proxy between two parts, so that whoever runs it owns the network: slow, cut, half open."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum

from deploy.local.ports import free_port

_CHUNK = 64 * 1024
_MOST_HELD = 64  # chunks under way in one direction; then the sender has to wait

_LOOK_EVERY = 0.01  # seconds

_Held = asyncio.Queue[tuple[float, bytes]]
"""Bytes under way and when each is due."""


class Way(Enum):
    """A direction through the proxy."""

    UP = "from the client to the server"
    DOWN = "from the server to the client"


class Proxy:
    """Carries connections to one server. What is set applies at once, to open connections too."""

    def __init__(self, target: int, *, host: str = "127.0.0.1", port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.latency = 0.0  # seconds that every byte is late, each way
        self.rate: float | None = None  # bytes a second, each way; none: no limit
        self.connections = 0  # opened so far
        self._target = (host, target)
        self._swallowed: set[Way] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._opening = 0  # connections on their way to the server

    @property
    def open_now(self) -> int:
        """Return how many connections are open."""
        return len(self._links)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        """Listen for as long as the context is open; then cut everything."""
        await self._listen()
        try:
            yield self
        finally:
            self.cut()
            while self._links or self._opening:
                closing = [link.closed for link in self._links]
                await (asyncio.wait(closing) if closing else asyncio.sleep(_LOOK_EVERY))

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._opening += 1
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        finally:
            self._opening -= 1
        if self._server is None:  # it was cut meanwhile
            _reset(writer)
            _reset(up_writer)
            return
        self.connections += 1
        link = _Link(writer, up_writer)
        self._links.add(link)
        both = [
            asyncio.create_task(self._carry(link, Way.UP, reader, up_writer)),
            asyncio.create_task(self._carry(link, Way.DOWN, up_reader, writer)),
        ]
        link.over.add_done_callback(lambda _: [each.cancel() for each in both])
        await asyncio.wait(both, return_when=asyncio.FIRST_EXCEPTION)
        link.reset()  # if one side was reset, so is the other
        await asyncio.gather(*both, return_exceptions=True)
        self._links.discard(link)
        link.closed.set_result(None)

    async def _carry(
        self,
        link: "_Link",
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Read ahead while what was read waits for its time, so that latency costs no rate."""
        held: _Held = asyncio.Queue(_MOST_HELD)
        delivering = asyncio.create_task(self._deliver(held, link, way, writer))
        try:
            while data := await reader.read(_CHUNK):
                await held.put((asyncio.get_running_loop().time() + self.latency, data))
            await held.put((asyncio.get_running_loop().time() + self.latency, b""))
            await delivering
        finally:
            delivering.cancel()
            with suppress(OSError, asyncio.CancelledError):
                await delivering

    async def _deliver(
        self, held: "_Held", link: "_Link", way: Way, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            due, data = await held.get()
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await self._flows.wait()
            if way in self._swallowed:
                link.deaf.add(way)
            if way in link.deaf:  # a byte was lost here: nothing of this connection arrives again
                continue
            if not data:
                with suppress(OSError):
                    writer.write_eof()
                return
            if self.rate:
                await asyncio.sleep(len(data) / self.rate)
            writer.write(data)
            await writer.drain()

    def pause(self) -> None:
        """Hold every byte back, as a network does that will deliver later."""
        self._flows.clear()

    def swallow(self, *ways: Way) -> None:
        """Lose every byte and every goodbye in these directions (none: both); refuse nothing.

        A connection that lost something stays half open, also once others flow again.
        """
        self._swallowed |= set(ways or Way)

    def reset(self) -> int:
        """Cut every open connection with a reset; new ones are welcome. Return how many it hit."""
        hit = len(self._links)
        for link in tuple(self._links):
            link.reset()
        return hit

    def cut(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    async def heal(self) -> None:
        """Be a plain wire again."""
        self.latency, self.rate = 0.0, None
        self._swallowed.clear()
        self._flows.set()
        if self._server is None:
            await self._listen()


class _Link:
    """One connection through the proxy: its two ends, and the ways in which it lost something."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.deaf: set[Way] = set()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writers = writers

    def reset(self) -> None:
        for writer in self._writers:
            _reset(writer)
        if not self.over.done():
            self.over.set_result(None)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once and say so: the peer gets a reset, not a goodbye."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
