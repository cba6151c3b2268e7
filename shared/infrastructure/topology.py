"""Every exchange and queue of Warren, as data, and how they are declared.

Only workers declare job queues: a bell for a queue that nobody serves comes back to its sender.
"""

from dataclasses import dataclass
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue


@dataclass(frozen=True, slots=True)
class Names:
    """The names on the broker, below the namespace of the setting."""

    namespace: str

    @property
    def jobs(self) -> str:
        """Return the direct exchange that takes bells; the routing key is the band."""
        return f"{self.namespace}.jobs"

    @property
    def dead(self) -> str:
        """Return the exchange, and the queue behind it, of messages that nobody can read."""
        return f"{self.namespace}.dead"

    @property
    def events(self) -> str:
        """Return the topic exchange that takes hints."""
        return f"{self.namespace}.events"

    @property
    def control(self) -> str:
        """Return the fanout exchange that reaches every worker."""
        return f"{self.namespace}.control"

    @property
    def marker(self) -> str:
        """Return the queue whose absence says that the broker has lost everything."""
        return f"{self.namespace}.marker"

    def queue(self, band: str) -> str:
        """Return the RabbitMQ queue of a band; the usual one has just the name of its queue."""
        return f"{self.namespace}.jobs.{band}"


async def declare_exchanges(channel: AbstractChannel, names: Names) -> None:
    """Declare what every process may publish to."""
    await channel.declare_exchange(names.jobs, ExchangeType.DIRECT, durable=True)
    await channel.declare_exchange(names.events, ExchangeType.TOPIC, durable=True)
    await channel.declare_exchange(names.control, ExchangeType.FANOUT, durable=True)


async def declare_dead_letters(channel: AbstractChannel, names: Names) -> AbstractExchange:
    """Declare where unreadable messages go, for a person to look at."""
    exchange = await channel.declare_exchange(names.dead, ExchangeType.FANOUT, durable=True)
    queue = await channel.declare_queue(
        names.dead, durable=True, arguments={"x-max-length": 10_000}
    )
    await queue.bind(exchange)
    return exchange


async def declare_job_queue(
    channel: AbstractChannel, names: Names, band: str, *, quorum: bool
) -> AbstractQueue:
    """Declare a durable queue for the bells of a band, and bind it."""
    arguments: dict[str, Any] = {
        "x-queue-type": "quorum" if quorum else "classic",
        "x-dead-letter-exchange": names.dead,
    }
    declared = await channel.declare_queue(names.queue(band), durable=True, arguments=arguments)
    await declared.bind(names.jobs, routing_key=band)
    return declared


async def declare_marker(channel: AbstractChannel, names: Names, *, quorum: bool) -> None:
    """Declare a durable queue that stays empty: it is gone only if the broker lost its data."""
    kind = "quorum" if quorum else "classic"
    await channel.declare_queue(names.marker, durable=True, arguments={"x-queue-type": kind})
