"""Giving claimed jobs back to their queues when a worker stops; that costs no attempt."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from shared.contracts.errors import StoreUnavailable
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.bell_ringer import BellRinger
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.logs import get_logger

log = get_logger(__name__)

PATIENCE = 5.0  # seconds with MongoDB, for one job
_AT_ONCE = 16  # jobs


class HandingBack:
    """Makes jobs runnable again elsewhere, and rings for them."""

    def __init__(self, moves: JobMoves, ringer: BellRinger, hints: HintSender) -> None:
        self._moves = moves
        self._ringer = ringer
        self._hints = hints

    async def hand_back(self, jobs: Iterable[Job]) -> None:
        """Give jobs back; those for which MongoDB has no answer wait until our lease ends."""
        few = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(self._hand_back(job, few))

    async def _hand_back(self, job: Job, few: asyncio.Semaphore) -> None:
        async with few:
            now = datetime.now(UTC)
            after = job.handed_back(at=now)
            try:
                if not await self._moves.apply(job, after, at=now, patience=PATIENCE):
                    return
            except StoreUnavailable as error:
                log.warning("job.not_handed_back", job_id=job.id, reason=str(error))
                return
        log.info("job.handed_back", job_id=job.id)
        self._hints.tell([hint_of(after)])
        if not after.done:
            await self._ringer.ring(job.band, [job.id], task=job.task)
