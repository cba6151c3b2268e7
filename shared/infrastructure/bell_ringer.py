"""Ringing: telling workers through RabbitMQ which jobs are runnable."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from uuid import uuid4

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import DeliveryError, PublishError

from shared.contracts.bands import queue_of
from shared.contracts.bells import encode_bell
from shared.infrastructure.rabbit import BROKEN, PATIENCE, Link
from shared.infrastructure.settings import Settings
from shared.infrastructure.topology import Names, declare_exchanges


class Rung(Enum):
    """What is known about a bell."""

    CONFIRMED = "the broker has it"
    RETURNED = "no worker has declared the queue"
    UNKNOWN = "it may or may not be there"


class BellRinger:
    """Publishes bells, persistent and confirmed. Ringing twice for a job is harmless."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._names = Names(settings.namespace)
        self._exchange: AbstractExchange | None = None
        self.link = Link(settings.rabbit_urls, name, self._set_up)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["BellRinger"]:
        """Keep the connection for as long as the context is open."""
        async with self.link.running():
            yield self

    async def _set_up(self, connection: AbstractConnection) -> None:
        async with connection.channel() as topology:
            await declare_exchanges(topology, self._names)
        # Nothing but publishes on this channel: a refused declare would fail those in flight.
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        self.link.watch(channel)
        self._exchange = await channel.get_exchange(self._names.jobs, ensure=False)

    async def ring(self, band: str, ids: Sequence[str], *, task: str = "") -> Rung:
        """Publish one bell for jobs of one band, and wait for what the broker says.

        Workers that know nothing of bands serve at least the usual one.
        """
        rung = await self._publish(band, ids, task)
        if rung is Rung.RETURNED and (queue := queue_of(band)) != band:
            rung = await self._publish(queue, ids, task)
        return rung

    async def _publish(self, band: str, ids: Sequence[str], task: str) -> Rung:
        if not self.link.up or self._exchange is None:
            return Rung.UNKNOWN
        message = Message(
            encode_bell(ids),
            message_id=uuid4().hex,  # fresh each time: confirms of equal ids would be mixed up
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
            type=task or None,
            timestamp=time.time(),  # how far the consumers have come; whole seconds in AMQP
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await self._exchange.publish(message, routing_key=band, mandatory=True)
        except PublishError:
            return Rung.RETURNED
        except DeliveryError:
            return Rung.UNKNOWN
        except BROKEN:
            # A confirm that does not come may mean an alarm: the connection cannot be trusted.
            return Rung.UNKNOWN
        return Rung.CONFIRMED
