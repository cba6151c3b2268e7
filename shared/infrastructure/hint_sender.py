"""Telling gateways that jobs have changed. Hints are coalesced, unconfirmed, and may be lost."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from aio_pika import Message
from aio_pika.abc import AbstractConnection, AbstractExchange

from shared.contracts.events import Hint, encode_hints, shard_key
from shared.infrastructure.rabbit import BROKEN, PATIENCE, Link
from shared.infrastructure.settings import Settings
from shared.infrastructure.topology import Names, declare_exchanges

_MOST_PENDING = 20_000


class HintSender:
    """Publishes what collected since the last flush as one message for each routing key."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._names = Names(settings.namespace)
        self._exchange: AbstractExchange | None = None
        self._pending: dict[str, list[Hint]] = defaultdict(list)
        self._count = 0
        self._arrived = asyncio.Event()
        self.link = Link(settings.rabbit_urls, name, self._set_up)

    def tell(self, hints: Iterable[Hint]) -> None:
        """Send hints about jobs to whoever watches them."""
        by_shard: dict[str, list[Hint]] = defaultdict(list)
        for hint in hints:
            by_shard[shard_key(hint.job_id)].append(hint)
        for key, of_shard in by_shard.items():
            self.send(key, of_shard)

    def send(self, key: str, hints: Iterable[Hint]) -> None:
        """Send hints under a routing key, soon. Beyond a bound they are dropped."""
        if self._count < _MOST_PENDING:
            before = len(self._pending[key])
            self._pending[key].extend(hints)
            self._count += len(self._pending[key]) - before
            self._arrived.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["HintSender"]:
        """Send in the background; what is pending at the end is still sent if that is possible."""
        async with self.link.running():
            sender = asyncio.create_task(self._run())
            try:
                yield self
            finally:
                sender.cancel()
                with suppress(asyncio.CancelledError):
                    await sender
                await self._flush()

    async def _set_up(self, connection: AbstractConnection) -> None:
        async with connection.channel() as topology:
            await declare_exchanges(topology, self._names)
        channel = await connection.channel(publisher_confirms=False)
        self.link.watch(channel)
        self._exchange = await channel.get_exchange(self._names.events, ensure=False)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await self.link.wait_up()
            self._arrived.clear()
            await self._flush()

    async def _flush(self) -> None:
        pending, self._pending, self._count = self._pending, defaultdict(list), 0
        exchange = self._exchange
        if exchange is None or not self.link.up:
            return
        for key, hints in pending.items():
            message = Message(encode_hints(hints), content_type="application/json")
            with suppress(*BROKEN):  # a lost hint delays a push by seconds and loses nothing
                async with asyncio.timeout(PATIENCE):
                    await exchange.publish(message, routing_key=key, mandatory=False)
