"""A worker's ear for orders: one exclusive queue on the control exchange."""

from collections.abc import Callable
from uuid import uuid4

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from shared.contracts.control import Order, decode_order
from shared.infrastructure.logs import get_logger
from shared.infrastructure.settings import Settings
from shared.infrastructure.topology import Names

log = get_logger(__name__)


class ControlFeed:
    """Hands each order to `on_order`. Some may be lost: whoever hears it must also look."""

    def __init__(
        self, settings: Settings, worker: str, *, on_order: Callable[[Order], None]
    ) -> None:
        self._names = Names(settings.namespace)
        self._worker = worker
        self._on_order = on_order

    async def listen(self, connection: AbstractConnection) -> AbstractChannel:
        """Hear orders over a connection that somebody else keeps; return the channel of that."""
        channel = await connection.channel(publisher_confirms=False)
        # A new name each time: the broker may still hold the old connection's exclusive lock.
        queue = await channel.declare_queue(
            f"{self._names.control}.{self._worker}.{uuid4().hex[:12]}",
            exclusive=True,
            auto_delete=True,
            arguments={"x-max-length": 1000, "x-message-ttl": 60_000},
        )
        await queue.bind(self._names.control)
        await queue.consume(self._receive, no_ack=True)
        return channel

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        try:
            order = decode_order(message.body)
        except ValueError:
            log.warning("order.unreadable", size=len(message.body))
            return
        self._on_order(order)
