"""Which of all keepers does the work that one can do for all: it only saves work (section 6)."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from shared.contracts.errors import Unavailable
from shared.infrastructure.background import in_background
from shared.infrastructure.leases import KEEPER, Leases
from shared.infrastructure.logs import get_logger
from shared.infrastructure.mongo import Document

log = get_logger(__name__)

LASTS = timedelta(seconds=6)
EVERY = 2.0  # seconds between two renewals, or tries
_PATIENCE = 2  # seconds to return the lease when we stop


class Leadership:
    """Takes the lease when it is free, renews it, and returns it on a clean stop."""

    def __init__(self, leases: Leases, keeper: str, *, note: Callable[[], Document] = dict) -> None:
        self._leases = leases
        self._keeper = keeper
        self._note = note
        self._taken = asyncio.Event()
        self._proven_until = 0.0  # monotonic

    @property
    def held(self) -> bool:
        """Say whether no other keeper can have the lease yet."""
        return time.monotonic() < self._proven_until

    async def wait_held(self) -> None:
        """Return once we lead."""
        while not self.held:
            self._taken.clear()
            await self._taken.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Leadership"]:
        """Try to lead for as long as the context is open."""
        try:
            async with in_background(self._run()):
                yield self
        finally:
            await self._resign()

    async def _run(self) -> None:
        while True:
            try:
                await self._try()
            except Unavailable as error:
                log.warning("keeper.waits", loop="leadership", reason=str(error)[:200])
            except Exception:
                log.exception("keeper.failed", loop="leadership")
            await asyncio.sleep(EVERY * random.uniform(0.8, 1.0))

    async def _try(self) -> None:
        led, sent_at = self.held, time.monotonic()
        taken = await self._leases.take(KEEPER, self._keeper, LASTS, note=self._note())
        # Counted from before the write was sent, less a fifth for clocks that run unevenly.
        self._proven_until = sent_at + LASTS.total_seconds() * 0.8 if taken else 0.0
        if taken:
            self._taken.set()
        if taken != led:
            log.info("keeper.leads" if taken else "keeper.follows", keeper=self._keeper)

    async def _resign(self) -> None:
        led, self._proven_until = self.held, 0.0
        if led:
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._leases.release(KEEPER, self._keeper)
