"""What others want of this worker: to stop some of its jobs, to begin no others, to take no more.

MongoDB says what is wanted. A message over RabbitMQ only hurries the look, and may be lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from shared.contracts.control import Order
from shared.contracts.errors import Unavailable
from shared.infrastructure.heartbeat import Heartbeat
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.logs import get_logger
from shared.infrastructure.pauses import Pauses
from shared.infrastructure.workers import Workers
from worker.attempt import Attempt

log = get_logger(__name__)

EVERY = 2.0  # seconds between looks that nobody asked for


class Orders:
    """Looks now and then, and at once when told, and does what is wanted."""

    def __init__(
        self,
        worker: str,
        attempts: Mapping[str, Attempt],
        *,
        claims: JobClaims,
        workers: Workers,
        heartbeat: Heartbeat,
        pauses: Pauses,
        every: float = EVERY,
    ) -> None:
        self._worker = worker
        self._attempts = attempts
        self._claims = claims
        self._workers = workers
        self._heartbeat = heartbeat
        self._pauses = pauses
        self._every = every
        self._told = asyncio.Event()
        self._told_to_drain = False
        self._draining = False

    def hear(self, order: Order) -> None:
        """Take a message; those about others are not for us."""
        self._told_to_drain |= order.drain == self._worker
        if (
            order.pauses
            or self._told_to_drain
            or not self._attempts.keys().isdisjoint(order.cancel)
        ):
            self._told.set()

    async def follow(self, drain: Callable[[], Awaitable[None]]) -> None:
        """Do what is wanted until cancelled; `drain` is called at most once."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._told.wait()
            self._told.clear()
            try:
                await self._look_at_pauses()
                await self._cancel()
                if await self._should_drain():
                    self._draining = True
                    log.info("worker.draining", running=len(self._attempts))
                    await drain()
            except Unavailable as error:
                log.warning("orders.unknown", reason=str(error)[:200])

    async def _look_at_pauses(self) -> None:
        paused = await self._pauses.read()
        if paused != self._claims.paused:
            log.info("worker.pauses", queues=sorted(paused.queues), tasks=sorted(paused.tasks))
            self._claims.paused = paused

    async def _cancel(self) -> None:
        if not self._attempts:
            return
        for job_id in await self._claims.to_cancel(self._worker):
            if attempt := self._attempts.get(job_id):
                log.info("job.cancelling", job_id=job_id)
                attempt.ask()

    async def _should_drain(self) -> bool:
        told, self._told_to_drain = self._told_to_drain, False
        if self._draining:
            return False
        return self._heartbeat.draining or (told and await self._workers.is_draining(self._worker))
