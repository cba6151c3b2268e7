"""Finishes the follow-ups of ended jobs whose first owner died before it had done them."""

import math
import time
from collections.abc import Sequence
from datetime import timedelta

from shared.contracts.errors import Unavailable
from shared.contracts.job import Job
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.logs import get_logger

EVERY = 1.5  # seconds
MOST = 1000
OWNERS_TURN = timedelta(seconds=2)  # in which whoever wrote an end does what follows from it
HEIRS_TURN = 4.0  # seconds from our first sight of an end whose worker may run the next job still
log = get_logger(__name__)


class Unsettled:
    """Settles ends: every follow-up may be repeated, so two keepers at once do no harm."""

    def __init__(self, rescue: JobRescue, follow_ups: FollowUps, hints: HintSender) -> None:
        self._rescue = rescue
        self._follow_ups = follow_ups
        self._hints = hints
        self._seen: dict[str, float] = {}  # ends with heirs: when we saw them first

    async def step(self) -> int:
        """Settle what its owner left unsettled; return how many."""
        if not self._hints.link.up:
            return 0
        found = self._left(await self._rescue.unsettled(OWNERS_TURN, most=MOST))
        await self.settle(found)
        return len(found)

    def _left(self, found: Sequence[Job]) -> list[Job]:
        """Return those that nobody but us will settle, as far as one can tell.

        A primary that is lost may leave an end and lose the claim of its heir, which runs: its
        worker repeats the claim as soon as there is a primary, and must not find the heir gone.
        """
        now = time.monotonic()
        self._seen = {job.id: self._seen.get(job.id, now) for job in found if job.heir is not None}
        return [job for job in found if now - self._seen.get(job.id, -math.inf) >= HEIRS_TURN]

    async def settle_those(self, ids: Sequence[str]) -> None:
        """Do the follow-ups of jobs that the caller has just ended."""
        if ids and self._hints.link.up:
            await self.settle(await self._rescue.unsettled_among(ids))

    async def settle(self, jobs: Sequence[Job]) -> None:
        """Do the follow-ups of ended jobs, then remember that they are done.

        Without a broker nothing is done: the jobs stay unsettled until it is back.
        """
        if not jobs or not self._hints.link.up:
            return
        try:
            await self._follow_ups.settle(jobs, tell=True, again=True)
        except Unavailable:
            raise
        except Exception:  # one that cannot be settled must not hold up the others
            log.exception("follow_ups.failed", jobs=len(jobs))
            await self._settle_each(jobs)

    async def _settle_each(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            try:
                await self._follow_ups.settle([job], tell=True, again=True)
            except Unavailable:
                raise
            except Exception:  # the job stays unsettled, which the invariants count
                log.exception("follow_up.failed", job_id=job.id)
