"""Jobs that follow at once, on the same slot, when the only job they wait for has succeeded.

While other jobs wait for this worker, a slot goes on from job to job for at most a second, and
never to a job of a lower priority than theirs (docs/decisions/0023).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
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

Read = Callable[[Sequence[str]], Awaitable[Sequence[Job]]]


@dataclass(slots=True, eq=False)
class _Ahead:
    """The next jobs of a chain, as they were read, shared by the jobs before them."""

    ids: Sequence[str]
    reading: "asyncio.Task[dict[str, Job]]"
    holders: int = 0


class Heirs:
    """Reads them while the jobs before them run, and decides who goes on."""

    def __init__(
        self,
        worker: str,
        *,
        read: Read,
        claims: JobClaims,
        queues: Sequence[str],
        heartbeat: Heartbeat,
    ) -> None:
        self._worker = worker
        self._read_jobs = read
        self._claims = claims
        self._queues = frozenset(queues)
        self._heartbeat = heartbeat
        self._ahead: dict[str, _Ahead] = {}  # by the ids of the jobs before

    def look_for(self, job: Job, *, after: Job | None = None) -> None:
        """Begin to read the heir of a job that starts, or is about to, and some behind it.

        What is read already for the job `after` which it comes need not be read again.
        """
        if job.heir is None or job.id in self._ahead:
            return
        ahead = None if after is None else self._ahead.get(after.id)
        if ahead is None or job.heir not in ahead.ids:
            ids = job.heirs or (job.heir,)
            ahead = _Ahead(ids, asyncio.create_task(self._read(ids)))
        ahead.holders += 1
        self._ahead[job.id] = ahead

    def forget(self, job: Job) -> None:
        """Read no more for a job that has come to an end, or has not started after all."""
        if job.heir is not None and (ahead := self._ahead.pop(job.id, None)):
            ahead.holders -= 1
            if not ahead.holders:
                ahead.reading.cancel()

    async def bequest(self, attempt: Attempt, end: End, *, waiting: int | None) -> Bequest | None:
        """Return the end with the job that goes on with the slot, if one may.

        `waiting` is the highest priority of the jobs that wait for this worker, if any do.
        """
        ahead = self._ahead.get(end.job.id)
        if ahead is None or not _may_have_one(attempt, end):
            return None
        if not ahead.reading.done():
            await asyncio.wait({ahead.reading}, timeout=_PATIENCE)
        heir = _found(ahead.reading).get(end.job.heir or "")
        if heir is None or not (self._may_run(heir) and _is_fair(attempt, heir, waiting)):
            return None
        claim = Claim(token=uuid4().hex, worker=self._worker)
        self.look_for(heir, after=end.job)  # the one after it, while this one is being claimed
        return Bequest(end=end, heir=heir, claim=claim, at=attempt.now)

    async def _read(self, ids: Sequence[str]) -> dict[str, Job]:
        try:
            return {job.id: job for job in await self._read_jobs(ids)}
        except Unavailable:
            return {}

    def _may_run(self, heir: Job) -> bool:
        waits = heir.status is Status.WAITING and heir.because == FOR_JOBS and not heir.starts
        gated = heir.run_at or heir.expires_at or heir.keys or heir.limits
        here = heir.queue in self._queues and self._claims.may_claim(heir)
        return waits and not gated and here and self._heartbeat.proven


def _found(reading: "asyncio.Task[dict[str, Job]]") -> dict[str, Job]:
    """Return what was read by now: whatever went wrong with it must not cost the end."""
    if not reading.done() or reading.cancelled() or reading.exception() is not None:
        return {}
    return reading.result()


def _may_have_one(attempt: Attempt, end: End) -> bool:
    if end.move is not Move.SUCCEED or end.job.grown or attempt.asked or attempt.left:
        return False
    return end.result is not None and len(end.result) <= LONGEST


def _is_fair(attempt: Attempt, heir: Job, waiting: int | None) -> bool:
    if waiting is None or heir.priority > waiting:
        return True
    return heir.priority == waiting and time.monotonic() - attempt.slot_since < GOES_ON_S
