"""A gateway's ear: one exclusive queue for hints, bound only to what somebody watches."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage, AbstractQueue

from shared.contracts.events import Hint, decode_hints
from shared.infrastructure.logs import get_logger
from shared.infrastructure.rabbit import BROKEN, PATIENCE, Link
from shared.infrastructure.settings import Settings
from shared.infrastructure.topology import Names, declare_exchanges

log = get_logger(__name__)


class HintFeed:
    """Hands every hint under the wanted keys to `on_hints`; `on_gap` says that some may be lost."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        *,
        on_hints: Callable[[list[Hint]], None],
        on_gap: Callable[[], None],
    ) -> None:
        self._names = Names(settings.namespace)
        self._name = name
        self._on_hints = on_hints
        self._on_gap = on_gap
        self._queue: AbstractQueue | None = None
        self._wanted: Counter[str] = Counter()
        self._bound: set[str] = set()
        self._binding = asyncio.Lock()
        self.link = Link(settings.rabbit_urls, name, self._set_up)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["HintFeed"]:
        """Listen for as long as the context is open."""
        async with self.link.running():
            yield self

    async def want(self, key: str) -> None:
        """Return once hints under `key` arrive, or at once if RabbitMQ is away.

        Without RabbitMQ a watcher lives on what its gateway re-reads from MongoDB.
        """
        self._wanted[key] += 1
        if key not in self._bound and self.link.up:
            async with self._binding:
                await self._bind(key)

    def release(self, key: str) -> None:
        """Say that one watcher less wants `key`. The binding stays until the next connection."""
        self._wanted[key] -= 1

    async def _set_up(self, connection: AbstractConnection) -> None:
        self._bound.clear()
        async with connection.channel() as topology:
            await declare_exchanges(topology, self._names)
        channel = await connection.channel(publisher_confirms=False)
        self.link.watch(channel)
        await channel.set_qos(prefetch_count=1000)
        # A new name each time: the broker may still hold the old connection's exclusive lock.
        self._queue = await channel.declare_queue(
            f"{self._names.events}.{self._name}.{uuid4().hex[:12]}",
            exclusive=True,
            auto_delete=True,
            arguments={"x-max-length": 20_000, "x-message-ttl": 60_000},
        )
        await self._queue.consume(self._receive, no_ack=True)
        while wanted := {key for key, n in self._wanted.items() if n > 0} - self._bound:
            for key in wanted:  # meanwhile others may be wanted, which see that we are not up yet
                await self._queue.bind(self._names.events, routing_key=key)
                self._bound.add(key)
        self._on_gap()

    async def _bind(self, key: str) -> None:
        if self._queue is None or key in self._bound:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._queue.bind(self._names.events, routing_key=key)
            self._bound.add(key)
        except BROKEN as error:
            self.link.rebuild(f"could not bind {key}: {error}")

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        try:
            hints = decode_hints(message.body)
        except ValueError:
            log.warning("hints.unreadable", size=len(message.body))
            return
        self._on_hints(hints)
