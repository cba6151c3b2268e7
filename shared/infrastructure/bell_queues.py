"""Looking at the broker from the keeper's side: how much a queue holds, and whether it lost all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from shared.contracts.errors import BrokerUnavailable
from shared.infrastructure.rabbit import BROKEN, PATIENCE, Link
from shared.infrastructure.settings import Settings
from shared.infrastructure.topology import Names, declare_marker


class BellQueues:
    """Asks RabbitMQ over a connection of its own; what it does not find is None."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._names = Names(settings.namespace)
        self._quorum = settings.quorum_queues
        self._connection: AbstractConnection | None = None
        self.connections = 0  # how often we have connected: each may lead to an empty broker
        self.link = Link(settings.rabbit_urls, name, self._set_up)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["BellQueues"]:
        """Keep the connection for as long as the context is open."""
        async with self.link.running():
            yield self

    async def depth(self, band: str) -> int | None:
        """Count the bells of a band that no worker has in hand; None if it has no queue there."""
        return await self._ask(self._names.queue(band))

    async def is_marked(self) -> bool:
        """Say whether the broker still has what we once left there."""
        return await self._ask(self._names.marker) is not None

    async def mark(self) -> None:
        """Leave something durable by which the broker is known again; raises BrokerUnavailable."""
        try:
            async with asyncio.timeout(PATIENCE), self._open().channel() as channel:
                await declare_marker(channel, self._names, quorum=self._quorum)
        except BROKEN as error:
            raise BrokerUnavailable(f"RabbitMQ did not take the marker: {error}") from error

    async def _ask(self, queue: str) -> int | None:
        """Declare passively, on a channel of its own: a refusal closes it."""
        try:
            async with asyncio.timeout(PATIENCE), self._open().channel() as probe:
                there = await probe.declare_queue(queue, passive=True)
        except ChannelNotFoundEntity:
            return None
        except BROKEN as error:
            raise BrokerUnavailable(f"RabbitMQ did not tell about {queue}: {error}") from error
        return there.declaration_result.message_count or 0

    def _open(self) -> AbstractConnection:
        if self._connection is None or not self.link.up:
            raise BrokerUnavailable("RabbitMQ is away")
        return self._connection

    async def _set_up(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self.connections += 1
