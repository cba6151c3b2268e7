"""A tiny WebSocket server on loopback that speaks `warren.v1` as a test tells it to."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

Script = Callable[["Connection"], Awaitable[None]]


class Connection:
    """One client's connection, seen from the server."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.init: dict[str, Any] = {}
        self.subscribe: dict[str, Any] = {}

    async def greet(self) -> None:
        """Take the introduction and the subscription."""
        self.init = json.loads(await self.socket.recv())
        await self.send({"type": "connection_ack"})
        self.subscribe = json.loads(await self.socket.recv())
        assert json.loads(await self.socket.recv()) == {"type": "ping"}
        await self.send({"type": "pong"})

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))

    async def tell(self, status: str, seq: int, *, job: str = "1", event: str = "") -> None:
        """Send an event of a job."""
        done = status in ("succeeded", "failed", "cancelled")
        view = {"id": job, "task": "t.f", "status": status, "done": done, "version": seq}
        name = event or f"job.{status}"
        await self.send({"type": "next", "id": "watch", "event": name, "seq": seq, "job": view})

    async def cut(self, code: int = 1001) -> None:
        await self.socket.close(code)


class Gateway:
    """Plays one script a connection, the last again and again."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.connections: list[Connection] = []
        self.url = ""
        self.refuse_with: list[int] = []

    async def handle(self, socket: ServerConnection) -> None:
        connection = Connection(socket)
        self.connections.append(connection)
        await self.scripts[min(len(self.connections), len(self.scripts)) - 1](connection)
        await socket.close()

    def refuse(self, socket: ServerConnection, request: Any) -> Any:
        if self.refuse_with:
            return socket.respond(self.refuse_with.pop(0), '{"type": "/problems/not-today"}')
        return None

    async def _serve(self, ready: "asyncio.Future[None]", over: asyncio.Event) -> None:
        protocols: Any = ["warren.v1"]
        async with serve(
            self.handle, "127.0.0.1", 0, subprotocols=protocols, process_request=self.refuse
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            ready.set_result(None)
            await over.wait()


@contextmanager
def running(gateway: Gateway) -> Iterator[Gateway]:
    """Serve from a thread of its own, so that sync and async clients can be tested alike."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    over = asyncio.Event()
    ready: asyncio.Future[None] = loop.create_future()
    serving = asyncio.run_coroutine_threadsafe(gateway._serve(ready, over), loop)
    asyncio.run_coroutine_threadsafe(asyncio.wait_for(ready, 5), loop).result(5)
    try:
        yield gateway
    finally:
        loop.call_soon_threadsafe(over.set)
        serving.result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
