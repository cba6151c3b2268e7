"""Telling gateways that jobs have changed. Hints are coalesced, unconfirmed, and may be lost."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from itertools import chain
from typing import Any

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange

from shared.contracts.events import DUE_SOON, NEW_JOBS, Hint, encode_hints, shard_key
from shared.infrastructure.background import in_background
from shared.infrastructure.rabbit import BROKEN, PATIENCE, Link
from shared.infrastructure.settings import Settings
from shared.infrastructure.topology import Names, declare_exchanges

_MOST_PENDING = 20_000
_MOST_APART = 3  # routing keys; a flush under more of them is one message under all of them
_FAR = timedelta(seconds=2)  # the keeper looks for due jobs more often than that
_PATIENCE = 0.02  # seconds; a short job's start is then told together with its end


class HintSender:
    """Publishes what has collected, newer hints instead of older: under load as one message."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._names = Names(settings.namespace)
        self._channel: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None
        self._pending: dict[str, dict[str, Hint]] = defaultdict(dict)  # by routing key and job
        self._count = 0
        self._arrived = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self.link = Link(settings.rabbit_urls, name, self._set_up)

    @property
    def channel(self) -> AbstractChannel | None:
        """Return the channel for messages that may be lost, or None while RabbitMQ is away."""
        return self._channel if self.link.up else None

    def tell(self, hints: Iterable[Hint], *, can_wait: bool = False) -> None:
        """Send hints about jobs to whoever watches; those that can wait go with the next others."""
        for hint in hints:
            self._add(shard_key(hint.job_id), hint)
        self._flush_soon(can_wait=can_wait)

    def tell_of_new(self, hints: Iterable[Hint]) -> None:
        """Send hints about new jobs to those who watch by a filter."""
        for hint in hints:
            self._add(NEW_JOBS, hint)
        self._flush_soon(can_wait=True)

    def tell_due(self, delays: Iterable[timedelta]) -> None:
        """Wake the keeper if the earliest of these due times comes before it looks by itself."""
        if min(delays, default=_FAR) < _FAR:
            self._add(DUE_SOON, Hint("", DUE_SOON, "", ""))
            self._flush_soon(can_wait=False)

    def _add(self, key: str, hint: Hint) -> None:
        """Keep the newest hint for each job; beyond a bound new ones are dropped."""
        pending = self._pending[key]
        if hint.event == "job.log" and hint.job_id in pending:
            return  # a change of the job itself says more
        if self._count < _MOST_PENDING:
            pending[hint.job_id] = hint
            self._count += 1

    def _flush_soon(self, *, can_wait: bool) -> None:
        if not can_wait:
            self._arrived.set()
        elif self._timer is None and not self._arrived.is_set():
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        self._arrived.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["HintSender"]:
        """Send in the background; what is pending at the end is still sent if that is possible."""
        async with self.link.running():
            try:
                async with in_background(self._run()):
                    yield self
            finally:
                await self._flush()

    async def _set_up(self, connection: AbstractConnection) -> None:
        async with connection.channel() as topology:
            await declare_exchanges(topology, self._names)
        channel = await connection.channel(publisher_confirms=False)
        self.link.watch(channel)
        self._channel = channel
        self._exchange = await channel.get_exchange(self._names.events, ensure=False)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await self.link.wait_up()
            self._arrived.clear()
            await self._flush()

    async def _flush(self) -> None:
        pending, self._pending, self._count = self._pending, defaultdict(dict), 0
        if len(pending) <= _MOST_APART:
            for key, hints in pending.items():
                await self._publish([key], hints.values())
        else:
            hints_of_all = chain.from_iterable(hints.values() for hints in pending.values())
            await self._publish(list(pending), hints_of_all)

    async def _publish(self, keys: list[str], hints: Iterable[Hint]) -> None:
        """Send one message to every queue that is bound to one of the keys, once to each."""
        if self._exchange is None or not self.link.up:
            return
        also: dict[str, Any] = {"CC": keys[1:]} if len(keys) > 1 else {}
        body = encode_hints(hints)
        message = Message(body, content_type="application/json", headers=also)
        with suppress(*BROKEN):  # a lost hint delays a push by seconds and loses nothing
            async with asyncio.timeout(PATIENCE):
                await self._exchange.publish(message, routing_key=keys[0], mandatory=False)
