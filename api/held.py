"""The gateway's copy of which queues are held, and what is paused: there only the keeper rings."""

import asyncio

from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import Job
from shared.contracts.pauses import Paused
from shared.infrastructure.logs import get_logger
from shared.infrastructure.pauses import Pauses
from shared.infrastructure.queues import Held, Queues
from shared.infrastructure.workflow.progress import Runnable

log = get_logger(__name__)

_EVERY = 0.5  # seconds; a bell too many in between is harmless


class HeldQueues:
    """Knows what was read last."""

    def __init__(self, queues: Queues, pauses: Pauses) -> None:
        self._queues = queues
        self._pauses = pauses
        self._held = Held()
        self.paused = Paused()

    def holds(self, band: str) -> bool:
        """Say whether a new job of this band waits for the keeper's bell."""
        return self._held.holds(band)

    def keeps_back(self, job: Job | Runnable) -> bool:
        """Say whether nobody but the keeper is to ring for a job, now or later."""
        return self.holds(job.band) or self.paused.holds(job.queue, job.task)

    async def refresh(self) -> None:
        """Read again."""
        self._held = await self._queues.held()
        self.paused = await self._pauses.read()

    async def keep_fresh(self) -> None:
        """Read for ever; while MongoDB is away, what is known stays."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.refresh()
            except StoreUnavailable as error:
                log.warning("held_queues.stale", reason=str(error)[:200])
