"""Gives the jobs of dead workers back to their queues."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from shared.contracts.bells import MAX_IDS
from shared.contracts.errors import Unavailable
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workers import Workers
from worker.keeper.ringing import Ringing
from worker.keeper.unsettled import Unsettled

EVERY = 1.0  # seconds
SWEEP_EVERY = 5.0  # seconds
_MOST = 500
_BROKER_NOTICES = 30.0  # seconds, at most, until the broker drops a peer without heartbeats
_LONGEST_WRITE = 5.0  # seconds with MongoDB, for one job
log = get_logger(__name__)


class Rescue:
    """Buries workers whose lease ran out, and releases what they held."""

    def __init__(
        self,
        *,
        rescue: JobRescue,
        moves: JobMoves,
        workers: Workers,
        ringing: Ringing,
        unsettled: Unsettled,
        hints: HintSender,
        lease: timedelta,
    ) -> None:
        self._rescue = rescue
        self._moves = moves
        self._workers = workers
        self._ringing = ringing
        self._unsettled = unsettled
        self._hints = hints
        self._lease = lease.total_seconds()
        self._patient_until = 0.0  # monotonic; after trouble with MongoDB leases are not judged
        self._silent: list[float] = []  # when workers fell silent that the broker may not miss yet

    async def step(self) -> int:
        """Release the jobs of every worker whose lease has run out; return how many."""
        if time.monotonic() < self._patient_until:
            return 0
        with self._patience():
            buried = await self._workers.bury_expired()
            for worker in buried:
                log.warning("worker.buried", dead=worker, reason="its lease ran out")
                self._silent.append(time.monotonic())
            return sum([await self.release(worker) for worker in buried])

    async def sweep(self) -> int:
        """Release jobs that name a worker which is not alive: who should have done so died too."""
        with self._patience():
            # In this order: a worker that starts in between must not be taken for dead.
            named = await self._rescue.workers_of_running_jobs()
            live = {row["_id"] for row in await self._workers.live()}
            return sum([await self.release(worker) for worker in sorted(named - live)])

    async def release(self, worker: str) -> int:
        """Give up the claims of a worker that is known to be dead; return how many it had."""
        await self._workers.bury(worker)
        released = 0
        while held := await self._rescue.held_by(worker, most=_MOST):
            released += len(held)
            await self._release(held)
        return released

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Without MongoDB workers could not renew their leases: then they get a whole one to."""
        try:
            yield
        except Unavailable:
            self._patient_until = time.monotonic() + self._lease
            raise

    async def _release(self, held: list[Job]) -> None:
        now = datetime.now(UTC)
        moved = [(job, job.lost_its_worker(at=now)) for job in held]
        stored = [
            after
            for job, after in moved
            if await self._moves.apply(job, after, at=now, patience=_LONGEST_WRITE)
        ]
        self._hints.tell(hint_of(job) for job in stored)
        await self._unsettled.settle([job for job in stored if job.done])
        await self._ring([(job.band, job.id) for job in stored if not job.done])

    async def _ring(self, jobs: list[tuple[str, str]]) -> None:
        """Ring once more for each worker that fell silent: the broker still serves it in turn."""
        missed_by_broker_after = time.monotonic() - _BROKER_NOTICES
        self._silent = [at for at in self._silent if at > missed_by_broker_after]
        for start in range(0, len(jobs), MAX_IDS):
            for _ in range(1 + len(self._silent)):
                await self._ringing.ring_all(jobs[start : start + MAX_IDS])
