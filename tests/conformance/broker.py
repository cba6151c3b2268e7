"""Looking at the broker from outside, and breaking what it holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from deploy.local.stack import Stack
from shared.infrastructure.settings import Settings
from shared.infrastructure.topology import Names, declare_exchanges, declare_job_queue


class Broker:
    """A connection of the test's own, and what stands on the broker for one namespace."""

    def __init__(self, stack: Stack, channel: AbstractChannel, settings: Settings) -> None:
        self._stack = stack
        self.channel = channel
        self.names = Names(settings.namespace)

    async def has_queue(self, queue: str) -> None:
        """Declare a job queue, as a worker does."""
        await declare_exchanges(self.channel, self.names)
        await declare_job_queue(self.channel, self.names, queue, quorum=False)

    async def publish(self, exchange: str, key: str, body: bytes) -> None:
        """Publish bytes, whether or not they make sense."""
        there = await self.channel.get_exchange(exchange, ensure=False)
        await there.publish(aio_pika.Message(body), routing_key=key)

    async def take(self, queue: str) -> AbstractIncomingMessage | None:
        """Take the next message of a queue, if there is one."""
        there = await self.channel.get_queue(queue, ensure=False)
        return await there.get(fail=False, no_ack=True)

    async def count(self, queue: str) -> int:
        """Count the messages of a queue that nobody holds."""
        there = await self.channel.declare_queue(queue, passive=True)
        return there.declaration_result.message_count or 0

    async def close_all_connections(self) -> None:
        """Let the broker close every connection, this one too."""
        await self._stack.rabbit.ctl("close_all_connections", "test")


@asynccontextmanager
async def open_broker(stack: Stack, settings: Settings) -> AsyncIterator[Broker]:
    """Connect for as long as the context is open."""
    connection = await aio_pika.connect(stack.rabbit_url)
    try:
        yield Broker(stack, await connection.channel(), settings)
    finally:
        if not connection.is_closed:
            await connection.close()
