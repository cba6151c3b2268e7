"""Hearing bells: deliveries of one worker process, with a watch on its own deafness."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from aio_pika import Message
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
)

from shared.contracts.bands import bands_of, queue_of
from shared.contracts.bells import decode_bell
from shared.infrastructure.logs import get_logger
from shared.infrastructure.rabbit import BROKEN, PATIENCE, Link
from shared.infrastructure.settings import Settings
from shared.infrastructure.topology import (
    Names,
    declare_dead_letters,
    declare_exchanges,
    declare_job_queue,
)

log = get_logger(__name__)

PREFETCH = 8  # bells; each may carry many ids
_BURY_AGAIN = 1.0  # seconds
_LOOKS = 9  # after which each band was asked for
DEAF_AFTER = 10.0  # seconds without a delivery while the queue is not empty


@dataclass(slots=True, eq=False)
class Bell:
    """A delivery that names jobs, until it is settled."""

    queue: str  # or rather: the band
    ids: list[str]
    delivery: AbstractIncomingMessage
    rung_at: datetime | None = None  # by its ringer's clock, in whole seconds
    heard_at: float = field(default_factory=time.monotonic)

    async def ack(self) -> None:
        """Settle: nothing more is to be done for this bell. A dead channel redelivers it."""
        with suppress(*BROKEN):
            await self.delivery.ack()

    async def give_back(self) -> None:
        """Settle: another worker may have it, at once."""
        with suppress(*BROKEN):
            await self.delivery.nack(requeue=True)


class BellConsumer:
    """Consumes the queues of a worker and hands each bell to `on_bell`."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        queues: Sequence[str],
        *,
        on_bell: Callable[[Bell], None],
        on_lost: Callable[[], None],
        beside: Callable[[AbstractConnection], Awaitable[AbstractChannel]] | None = None,
    ) -> None:
        self._names = Names(settings.namespace)
        self._quorum = settings.quorum_queues
        self._bands = bands_of(queues)
        self._looked = 0  # how often for bells that do not reach us
        self._on_bell = on_bell
        self._on_lost = on_lost
        self._beside = beside  # what else is heard over the same connection
        self._declared: dict[str, AbstractQueue] = {}
        self._tags: dict[str, str] = {}
        self._dead: AbstractExchange | None = None
        self._connection: AbstractConnection | None = None
        self._paused = False
        self._heard_at = time.monotonic()
        self.unreadable = 0  # messages that went to the dead letters
        self.link = Link(settings.rabbit_urls, name, self._set_up)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["BellConsumer"]:
        """Listen for as long as the context is open."""
        async with self.link.running():
            yield self

    async def pause(self) -> None:
        """Take no more bells; those in hand stay ours to settle."""
        self._paused = True
        await self.leave(list(self._tags))

    async def leave(self, bands: Iterable[str]) -> None:
        """Take no more bells of these bands until we resume."""
        for band in bands:
            if (tag := self._tags.pop(band, None)) is not None:
                with suppress(*BROKEN):
                    async with asyncio.timeout(PATIENCE):
                        await self._declared[band].cancel(tag)

    async def resume(self) -> None:
        """Take bells of every band again, the highest first."""
        self._paused = False
        if self.link.up:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._consume_all()
            except BROKEN as error:
                self.link.rebuild(f"could not consume: {error}")

    async def rebuild_if_deaf(self) -> None:
        """Rebuild the connection if bells wait in our queues and none reaches us."""
        if self._paused or not self.link.up or time.monotonic() - self._heard_at < DEAF_AFTER:
            return
        self._heard_at = time.monotonic()
        if await self._waiting_bells():
            self.link.rebuild("bells wait in our queues but none is delivered")

    async def _waiting_bells(self) -> int:
        """Count what is ready, on a channel of its own: a known queue's own count is stale.

        Each look asks for all usual bands, and for a part of the others.
        """
        self._looked += 1
        usual = [band for band in self._bands if queue_of(band) == band]
        others = [band for band in self._bands if queue_of(band) != band]
        asked = usual + others[self._looked % _LOOKS :: _LOOKS]
        assert self._connection is not None
        try:
            async with asyncio.timeout(PATIENCE), self._connection.channel() as probe:
                depths = [
                    await probe.declare_queue(self._names.queue(name), passive=True)
                    for name in asked
                ]
        except BROKEN:
            return 1  # a connection that cannot answer this is to be rebuilt too
        return sum(each.declaration_result.message_count or 0 for each in depths)

    async def _set_up(self, connection: AbstractConnection) -> None:
        self._on_lost()
        self._connection = connection
        self._heard_at = time.monotonic()
        async with connection.channel() as topology:
            await declare_exchanges(topology, self._names)
        channel = await connection.channel(publisher_confirms=True)
        self.link.watch(channel)
        await self._watch_queues(channel)
        await self._declare(channel)
        if not self._paused:
            await self._consume_all()
        if self._beside is not None:
            self.link.watch(await self._beside(connection))

    async def _declare(self, channel: AbstractChannel) -> None:
        self._tags = {}
        await channel.set_qos(prefetch_count=PREFETCH)
        self._dead = await declare_dead_letters(channel, self._names)
        self._declared = {
            name: await declare_job_queue(channel, self._names, name, quorum=self._quorum)
            for name in self._bands
        }

    async def _watch_queues(self, channel: AbstractChannel) -> None:
        """Start anew as soon as the broker takes a queue from under us: somebody deleted it."""
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(
            lambda frame: self.link.rebuild(f"consumer {frame.consumer_tag} lost its queue")
        )

    async def _consume_all(self) -> None:
        for name, queue in self._declared.items():
            if name not in self._tags:
                tag = uuid4().hex  # never used twice: a reused tag can stop deliveries (3.10)
                self._tags[name] = tag
                await queue.consume(self._receiver(name), consumer_tag=tag)

    def _receiver(self, queue: str) -> "Callable[[AbstractIncomingMessage], Awaitable[None]]":
        async def receive(delivery: AbstractIncomingMessage) -> None:
            self._heard_at = time.monotonic()
            try:
                ids = decode_bell(delivery.body)
            except ValueError as error:
                await self._bury(delivery, str(error))
                return
            self._on_bell(Bell(queue, ids, delivery, rung_at=delivery.timestamp))

        return receive

    async def _bury(self, delivery: AbstractIncomingMessage, reason: str) -> None:
        """Move an unreadable message to the dead letters, with the reason."""
        self.unreadable += 1
        log.warning("bell.unreadable", reason=reason, size=len(delivery.body))
        assert self._dead is not None
        headers = {**delivery.headers, "x-warren-reason": reason[:200]}
        message = Message(delivery.body, headers=headers, delivery_mode=2)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._dead.publish(message, routing_key="")
                await delivery.ack()
        except BROKEN as error:  # left as it is, it would take the place of a bell for ever
            log.warning("bell.not_buried", reason=str(error)[:200])
            await asyncio.sleep(_BURY_AGAIN)
            with suppress(*BROKEN):
                await delivery.nack(requeue=True)
