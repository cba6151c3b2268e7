"""A third party to practise with: a paginated API that limits calls, fails and stalls at random."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

PER_PAGE = 10


class ThirdParty:
    """Serves `/items?page=N`; keeps count of what it was asked."""

    def __init__(
        self, *, pages: int, rate: float, burst: float, trouble: float = 0.1, seed: int = 1
    ) -> None:
        self.pages = pages
        self.rate = rate  # calls a second; may be changed while it serves
        self.burst = burst
        self._trouble = trouble  # share of calls that get a 503, or no answer
        self._draw = random.Random(seed)
        self._level = 0.0
        self._at = time.monotonic()
        self.served = 0
        self.refused = 0  # calls beyond the limit
        self.failed = 0
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ThirdParty"]:
        """Serve on a free port of this machine."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            writer.write(await self._answer(request.split()[1].decode()))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def _answer(self, target: str) -> bytes:
        if not self._has_room():
            self.refused += 1
            return _response("429 Too Many Requests", {}, "Retry-After: 1\r\n")
        chance = self._draw.random()
        if chance < self._trouble / 2:
            self.failed += 1
            return _response("503 Service Unavailable", {}, "Retry-After: 0\r\n")
        if chance < self._trouble:
            self.failed += 1
            await asyncio.sleep(30)  # longer than anybody waits
        self.served += 1
        page = int(target.rpartition("=")[2])
        first = (page - 1) * PER_PAGE
        return _response("200 OK", {"pages": self.pages, "items": [first + n for n in range(10)]})

    def _has_room(self) -> bool:
        now = time.monotonic()
        self._level = max(0.0, self._level - (now - self._at) * self.rate)
        self._at = now
        if self._level + 1 > self.burst:
            return False
        self._level += 1
        return True


def _response(status: str, body: object, headers: str = "") -> bytes:
    text = orjson.dumps(body)
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + text
