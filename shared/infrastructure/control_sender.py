"""Telling workers to look what somebody wants of them. Orders are unconfirmed and may be lost."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from aio_pika import Message

from shared.contracts.control import Order, encode_order
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.rabbit import BROKEN, PATIENCE
from shared.infrastructure.settings import Settings
from shared.infrastructure.topology import Names

_MOST = 1000  # ids in one message


class ControlSender:
    """Publishes orders over the connection of the hints, once MongoDB holds what is wanted."""

    def __init__(self, settings: Settings, hints: HintSender) -> None:
        self._names = Names(settings.namespace)
        self._hints = hints

    async def cancel(self, ids: Sequence[str]) -> None:
        """Hurry the workers that run these jobs to stop them."""
        for start in range(0, len(ids), _MOST):
            await self._publish(Order(cancel=tuple(ids[start : start + _MOST])))

    async def drain(self, worker: str) -> None:
        """Hurry a worker to take no more jobs."""
        await self._publish(Order(drain=worker))

    async def pauses(self) -> None:
        """Hurry all workers to look what is paused."""
        await self._publish(Order(pauses=True))

    async def _publish(self, order: Order) -> None:
        channel = self._hints.channel
        if channel is None:
            return  # workers look by themselves every few seconds
        message = Message(encode_order(order), content_type="application/json")
        with suppress(*BROKEN):
            async with asyncio.timeout(PATIENCE):
                exchange = await channel.get_exchange(self._names.control, ensure=False)
                await exchange.publish(message, routing_key="", mandatory=False)
