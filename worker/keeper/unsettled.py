"""Finishes the follow-ups of ended jobs whose first owner died before it had done them."""

from collections.abc import Sequence

from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_rescue import JobRescue

EVERY = 1.0  # seconds
MOST = 1000


class Unsettled:
    """Settles ends: every follow-up may be repeated, so two keepers at once do no harm."""

    def __init__(self, rescue: JobRescue, hints: HintSender) -> None:
        self._rescue = rescue
        self._hints = hints

    async def step(self) -> int:
        """Settle what is found unsettled; return how many."""
        if not self._hints.link.up:
            return 0
        found = await self._rescue.unsettled(most=MOST)
        await self.settle(found)
        return len(found)

    async def settle(self, jobs: Sequence[Job]) -> None:
        """Do the follow-ups of ended jobs, then remember that they are done.

        Without a broker nothing is done: the jobs stay unsettled until it is back.
        """
        if not jobs or not self._hints.link.up:
            return
        self._hints.tell(hint_of(job) for job in jobs)
        await self._rescue.settled([job.id for job in jobs])
