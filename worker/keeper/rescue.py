"""Gives the jobs of dead workers back to their queues."""

import time
from datetime import UTC, datetime, timedelta

from shared.contracts.errors import Unavailable
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workers import Workers
from worker.keeper.unpublished import Unpublished
from worker.keeper.unsettled import Unsettled

EVERY = 1.0  # seconds
_MOST = 500
log = get_logger(__name__)


class Rescue:
    """Buries workers whose lease ran out, and releases what they held."""

    def __init__(
        self,
        *,
        rescue: JobRescue,
        ends: JobEnds,
        workers: Workers,
        unpublished: Unpublished,
        unsettled: Unsettled,
        hints: HintSender,
        lease: timedelta,
    ) -> None:
        self._rescue = rescue
        self._ends = ends
        self._workers = workers
        self._unpublished = unpublished
        self._unsettled = unsettled
        self._hints = hints
        self._lease = lease.total_seconds()
        self._patient_until = 0.0  # monotonic; after trouble with MongoDB leases are not judged

    async def step(self) -> int:
        """Release the jobs of every worker that is not alive; return how many."""
        try:
            await self._bury()
            # In this order: a worker that starts in between must not be taken for dead.
            named = await self._rescue.workers_of_running_jobs()
            live = {row["_id"] for row in await self._workers.live()}
            return sum([await self.release(worker) for worker in sorted(named - live)])
        except Unavailable:
            # Workers could not renew their leases either: give them a whole one to do so.
            self._patient_until = time.monotonic() + self._lease
            raise

    async def release(self, worker: str) -> int:
        """Give up the claims of a worker that is known to be dead; return how many it had."""
        await self._workers.bury(worker)
        released = 0
        while held := await self._rescue.held_by(worker, most=_MOST):
            released += len(held)
            await self._release(held)
        return released

    async def _bury(self) -> None:
        if time.monotonic() < self._patient_until:
            return
        for worker in await self._workers.bury_expired():
            log.warning("worker.buried", dead=worker, reason="its lease ran out")

    async def _release(self, held: list[Job]) -> None:
        moved = [(job, job.lost_its_worker(at=datetime.now(UTC))) for job in held]
        stored = [after for job, after in moved if await self._ends.move_back(job, after)]
        self._hints.tell(hint_of(job) for job in stored)
        await self._unsettled.settle([job for job in stored if job.done])
        await self._unpublished.ring([(job.queue, job.id) for job in stored if not job.done])
