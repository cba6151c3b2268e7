"""Cancelling jobs, one or many: those that do not run end at once, running ones are asked to stop.

A workflow goes on behind a job of it that was cancelled, as behind any other end.

Deciding and writing race with workers, so each round decides on what was read, writes with a guard,
and reads again; whoever asked learns what really came of it.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from shared.contracts.events import hint_of
from shared.contracts.instants import present
from shared.contracts.job import Job
from shared.contracts.moves import MOVES, Move, Status
from shared.infrastructure.control_sender import ControlSender
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.job_requests import JobRequests

_AT_ONCE = MOVES[Move.CANCEL][0] - {Status.RUNNING}
_ROUNDS = 10  # a job that changes hands this often in between is not ours to chase


class Cancelling:
    """Cancels what can be cancelled."""

    def __init__(
        self,
        outlines: JobOutlines,
        requests: JobRequests,
        hints: HintSender,
        control: ControlSender,
        settle: Callable[[Sequence[Job]], Awaitable[None]],
        *,
        freed: Callable[[Sequence[Job]], None],
    ) -> None:
        """`settle` does what follows from ends of jobs of workflows."""
        self._outlines = outlines
        self._requests = requests
        self._hints = hints
        self._control = control
        self._settle = settle
        self._freed = freed  # takes jobs that need their lanes no more

    async def cancel(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs as they are afterwards: ended, or running and asked to stop.

        A job that is gone is left out. Raises StoreUnavailable; asking again does no harm.
        """
        left = await self.stop(jobs)
        if ended := [job for job in left if job.workflow_id and job.status is Status.CANCELLED]:
            await self._settle(ended)
        return left

    async def stop(self, jobs: Sequence[Job]) -> list[Job]:
        """The same, and leave it to the caller to move workflows on."""
        known = {job.id: job for job in jobs}
        for _ in range(_ROUNDS):
            unsettled = [job for job in known.values() if not _is_settled(job)]
            if not unsettled:
                break
            await self._write(unsettled)
            fresh = await self._outlines.get([job.id for job in unsettled])
            for job in unsettled:
                del known[job.id]
            known |= {job.id: job for job in fresh}
        self._freed([job for job in known.values() if job.done])
        await self._tell(known.values(), before={job.id: job.version for job in jobs})
        return list(known.values())

    async def _write(self, jobs: Sequence[Job]) -> None:
        now = present()
        still = [job for job in jobs if job.status in _AT_ONCE]
        moves = [(job, job.cancelled(at=now, unsettled=True)) for job in still]
        await self._requests.move(moves, at=now)
        await self._requests.ask_to_stop([job.id for job in jobs if job.status not in _AT_ONCE])

    async def _tell(self, jobs: Iterable[Job], *, before: dict[str, int]) -> None:
        jobs = list(jobs)
        self._hints.tell([hint_of(job) for job in jobs if job.version > before[job.id]])
        # Also those that somebody asked before: that order may have been lost.
        await self._control.cancel([job.id for job in jobs if not job.done])


def _is_settled(job: Job) -> bool:
    return job.done or (job.status is Status.RUNNING and job.cancel_asked_at is not None)
