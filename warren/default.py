"""The clients that `task.delay` and its kin use: one a process, and one an event loop."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator
from weakref import WeakKeyDictionary

from warren.async_client import AsyncClient
from warren.client import Client

_lock = threading.Lock()
# By process id: a forked child must not share its parent's sockets.
_clients: dict[int, Client] = {}
_Lifetime = AsyncGenerator[AsyncClient, None]
_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[AsyncClient, _Lifetime]]
_async_clients = WeakKeyDictionary()


def default_client() -> Client:
    """This process's client, opened at first use and closed at exit."""
    with _lock:
        client = _clients.get(os.getpid())
        if client is None:
            client = _clients[os.getpid()] = Client()
            atexit.register(client.close)
        return client


async def default_async_client() -> AsyncClient:
    """The running event loop's client, opened at first use and closed when the loop shuts down."""
    loop = asyncio.get_running_loop()
    if loop not in _async_clients:
        # An event loop's only farewell is to its async generators: this one lives as long as it.
        lifetime = _lifetime()
        _async_clients[loop] = (await anext(lifetime), lifetime)
    return _async_clients[loop][0]


async def _lifetime() -> _Lifetime:
    async with AsyncClient() as client:
        yield client


def close_default_client() -> None:
    """Forget and close this process's client; the next use opens one from today's environment."""
    with _lock:
        client = _clients.pop(os.getpid(), None)
    if client is not None:
        atexit.unregister(client.close)
        client.close()
