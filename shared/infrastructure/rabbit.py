"""One AMQP connection that is rebuilt from nothing whenever it is lost.

A library that restores consumers behind our back has gone deaf too often in the reports of its
users; here every connection starts with the same `setup`, and nothing of an old one is used again.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, AMQPError

from shared.infrastructure.background import in_background
from shared.infrastructure.logs import get_logger

log = get_logger(__name__)

HEARTBEAT = 10  # seconds; a dead peer is noticed within three of them
PATIENCE = 5  # seconds for any single call
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0  # seconds between tries to connect
BROKEN = (AMQPError, OSError, RuntimeError, TimeoutError, *CONNECTION_EXCEPTIONS)
"""What a broken connection may raise; aio-pika uses RuntimeError for closed channels too."""

Setup = Callable[[AbstractConnection], Awaitable[None]]


class Link:
    """Keeps one connection open and set up, for as long as its context lasts."""

    def __init__(self, urls: Sequence[str], name: str, setup: Setup) -> None:
        self._urls = urls
        self._name = name
        self._setup = setup
        self._up = asyncio.Event()
        self._broken = asyncio.Event()

    @property
    def up(self) -> bool:
        """Say whether the connection stands and its setup is done."""
        return self._up.is_set()

    async def wait_up(self) -> None:
        """Return once the connection stands."""
        await self._up.wait()

    def rebuild(self, reason: str) -> None:
        """Give up the present connection and make a new one."""
        if self.up:
            log.warning("rabbit.rebuild", connection=self._name, reason=reason)
        self._broken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Link"]:
        """Connect and reconnect in the background."""
        async with in_background(self._run()):
            yield self

    async def _run(self) -> None:
        attempt = 0
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._live_once(self._urls[attempt % len(self._urls)])
                pause = _FIRST_PAUSE
            except BROKEN as error:
                if attempt % 10 == 0:
                    reason = str(error)[:200] or type(error).__name__
                    log.warning("rabbit.away", connection=self._name, reason=reason)
            attempt += 1
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    async def _live_once(self, url: str) -> None:
        self._broken.clear()
        async with asyncio.timeout(2 * PATIENCE):
            connection = await aio_pika.connect(
                url,
                timeout=PATIENCE,
                heartbeat=HEARTBEAT,
                client_properties={"connection_name": self._name},
            )
        try:
            connection.close_callbacks.add(lambda *_: self._broken.set())
            async with asyncio.timeout(2 * PATIENCE):
                await self._setup(connection)
            if not connection.is_closed:
                self._up.set()
                log.info("rabbit.up", connection=self._name)
                await self._broken.wait()
        finally:
            self._up.clear()
            with suppress(*BROKEN):
                async with asyncio.timeout(1):
                    await connection.close()

    def watch(self, channel: AbstractChannel) -> None:
        """Rebuild the connection if this channel is closed by the broker."""
        channel.close_callbacks.add(lambda *_: self._broken.set())
