"""A plain WebSocket client that keeps everything it was told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol


class Watcher:
    """Speaks `warren.v1` frame by frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.told: list[dict[str, Any]] = []

    async def say(self, **frame: Any) -> None:
        """Send one frame."""
        await self.socket.send(json.dumps(frame))

    async def hear(self, *, within: float = 10) -> dict[str, Any]:
        """Return the next frame."""
        async with asyncio.timeout(within):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
        self.told.append(frame)
        return frame

    async def hear_until(self, kind: str, subscription: str, *, within: float = 30) -> None:
        """Read frames until one of this type for this subscription has come."""
        async with asyncio.timeout(within):
            while True:
                frame = await self.hear(within=within)
                if (frame["type"], frame.get("id")) == (kind, subscription):
                    return

    async def hear_for_ever(self, *, within: float) -> None:
        """Read frames until the socket closes; each must come in time."""
        while True:
            await self.hear(within=within)

    def events_of(self, subscription: str) -> list[str]:
        """Return the events told to a subscription so far."""
        return [
            frame["event"]
            for frame in self.told
            if frame["type"] == "next" and frame["id"] == subscription
        ]


@asynccontextmanager
async def watcher(url: str, **options: Any) -> AsyncIterator[Watcher]:
    """Connect, with the right subprotocol unless told otherwise."""
    options.setdefault("subprotocols", [Subprotocol("warren.v1")])
    async with connect(url, **options) as socket:
        yield Watcher(socket)
