"""The gateway's copy of which queues are held: for these only the keeper rings."""

import asyncio

from shared.contracts.errors import StoreUnavailable
from shared.infrastructure.logs import get_logger
from shared.infrastructure.queues import Held, Queues

log = get_logger(__name__)

_EVERY = 0.5  # seconds; a bell too many in between is harmless


class HeldQueues:
    """Knows what was read last."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._held = Held()

    def holds(self, queue: str) -> bool:
        """Say whether a new job of this queue waits for the keeper's bell."""
        return self._held.holds(queue)

    async def refresh(self) -> None:
        """Read again."""
        self._held = await self._queues.held()

    async def keep_fresh(self) -> None:
        """Read for ever; while MongoDB is away, what is known stays."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.refresh()
            except StoreUnavailable as error:
                log.warning("held_queues.stale", reason=str(error)[:200])
