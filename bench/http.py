"""A keep-alive HTTP/1.1 client that costs so little that it does not become what is measured."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple, cast


class Response(NamedTuple):
    """What one request was answered with."""

    status: int
    body: bytes


class Broken(ConnectionError):
    """The server closed the connection, or sent something this client does not read."""


class Connection(asyncio.Protocol):
    """One connection with at most one request under way; answers must carry a Content-Length."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[Response] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    async def request(self, request: bytes) -> Response:
        """Send one request made by `request_bytes` and wait for its whole answer."""
        if self._transport is None:
            raise Broken("the connection is closed: open a new one")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        try:
            response = _parse(self._received)
        except Broken as error:
            self._fail(error)
            return
        if response is not None:
            self._received = b""
            self._settle(response)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(Broken(f"the server closed the connection before it answered ({exc})"))

    def _settle(self, response: Response) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(response)

    def _fail(self, error: Broken) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


@dataclass
class Pool:
    """Connections that grow with what is under way, so that no request waits for another."""

    host: str
    port: int
    _idle: list[Connection] = field(default_factory=list)

    async def request(self, request: bytes) -> Response:
        connection = self._idle.pop() if self._idle else await self._open()
        response = await connection.request(request)
        self._idle.append(connection)
        return response

    async def grow(self, count: int) -> None:
        """Open connections ahead of time, so that the first requests do not pay for it."""
        self._idle += [await self._open() for _ in range(count)]

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _open(self) -> Connection:
        return await Connection.open(self.host, self.port)


def request_bytes(method: str, path: str, body: bytes | None = None) -> bytes:
    """The bytes of one request; made before the clock starts."""
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n"
    if body is None:
        return f"{head}\r\n".encode()
    content = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + content).encode() + body


def _parse(received: bytes) -> Response | None:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = received[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        raise Broken(f"an answer without Content-Length: {received[:200]!r}")
    length = int(head[at + 17 :].split(b"\r\n", 1)[0])
    body = received[end + 4 :]
    if len(body) > length:
        raise Broken(f"more bytes than the answer announced: {received[:200]!r}")
    return Response(int(head[9:12]), body) if len(body) == length else None
