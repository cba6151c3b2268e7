"""Jobs that follow at once, on the same slot, when the only job they wait for has succeeded.

While other jobs wait for this worker, a slot goes on from job to job for at most a second, and
never to a job of a lower priority than theirs (docs/decisions/0023).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from shared.contracts.attempt import Claim
from shared.contracts.errors import Unavailable
from shared.contracts.job import Job
from shared.contracts.moves import Move, Status
from shared.infrastructure.end_statements import End
from shared.infrastructure.heartbeat import Heartbeat
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.workflow.inheriting import LONGEST, Bequest
from shared.infrastructure.workflow.node_jobs import FOR_JOBS
from worker.attempt import Attempt

GOES_ON_S = 1.0  # how long a slot may go on from job to job while others wait
_PATIENCE = 0.1  # seconds with MongoDB: without an answer the usual way is as quick

Find = Callable[[str], Awaitable[Job | None]]


class Heirs:
    """Reads them while the jobs before them run, and decides who goes on."""

    def __init__(
        self,
        worker: str,
        *,
        find: Find,
        claims: JobClaims,
        queues: Sequence[str],
        heartbeat: Heartbeat,
    ) -> None:
        self._worker = worker
        self._find = find
        self._claims = claims
        self._queues = frozenset(queues)
        self._heartbeat = heartbeat
        self._reading: dict[str, asyncio.Task[Job | None]] = {}  # by the id of the job before

    def look_for(self, job: Job) -> None:
        """Begin to read the heir of a job that starts, or is about to."""
        if job.heir is not None and job.id not in self._reading:
            self._reading[job.id] = asyncio.create_task(self._read(job.heir))

    def forget(self, job: Job) -> None:
        """Read no more for a job that has come to an end, or has not started after all."""
        if job.heir is not None and (reading := self._reading.pop(job.id, None)):
            reading.cancel()

    async def bequest(self, attempt: Attempt, end: End, *, waiting: int | None) -> Bequest | None:
        """Return the end with the job that goes on with the slot, if one may.

        `waiting` is the highest priority of the jobs that wait for this worker, if any do.
        """
        reading = self._reading.get(end.job.id)
        if reading is None or not _may_have_one(attempt, end):
            return None
        await asyncio.wait({reading}, timeout=_PATIENCE)
        heir = _found(reading)
        if heir is None or not (self._may_run(heir) and _is_fair(attempt, heir, waiting)):
            return None
        claim = Claim(token=uuid4().hex, worker=self._worker)
        self.look_for(heir)  # the one after it, while this one is being claimed
        return Bequest(end=end, heir=heir, claim=claim, at=attempt.now)

    async def _read(self, job_id: str) -> Job | None:
        try:
            return await self._find(job_id)
        except Unavailable:
            return None

    def _may_run(self, heir: Job) -> bool:
        waits = heir.status is Status.WAITING and heir.because == FOR_JOBS and not heir.starts
        gated = heir.run_at or heir.expires_at or heir.keys or heir.limits
        here = heir.queue in self._queues and self._claims.may_claim(heir)
        return waits and not gated and here and self._heartbeat.proven


def _found(reading: "asyncio.Task[Job | None]") -> Job | None:
    """Return what was read by now: whatever went wrong with it must not cost the end."""
    if not reading.done() or reading.cancelled() or reading.exception() is not None:
        return None
    return reading.result()


def _may_have_one(attempt: Attempt, end: End) -> bool:
    if end.move is not Move.SUCCEED or end.job.grown or attempt.asked or attempt.left:
        return False
    return end.result is not None and len(end.result) <= LONGEST


def _is_fair(attempt: Attempt, heir: Job, waiting: int | None) -> bool:
    if waiting is None or heir.priority > waiting:
        return True
    return heir.priority == waiting and time.monotonic() - attempt.slot_since < GOES_ON_S
