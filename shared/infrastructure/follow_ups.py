"""What follows from the ends of jobs, once and for all: workflows move on, watchers are told.

Whoever writes an end that carries the mark `unsettled` settles it, and the keeper does so if that
process died in between. Each step may be repeated.
"""

from collections.abc import Sequence

from shared.contracts.events import hint_of
from shared.contracts.job import ENDS, Job, Status
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.mongo import Database, translated
from shared.infrastructure.workflow.advance import Advance
from shared.infrastructure.workflow.progress import Progress, Ring

_ENDED = {"$in": sorted(ENDS)}
_WAITING = Status.WAITING.value


class FollowUps:
    """Settles ends."""

    def __init__(self, database: Database, hints: HintSender, ring: Ring) -> None:
        self._jobs = database[JOBS]
        self._hints = hints
        self._ring = ring
        self.workflows = Advance(database, ring)

    async def settle(self, ended: Sequence[Job], *, tell: bool = False) -> None:
        """Do all that follows from these ends; with `tell`, also tell of the jobs themselves."""
        followed = [job for job in ended if job.workflow_id or job.grown or not job.done]
        if followed:
            await self.bring(await self.workflows.advance(followed))
        if tell:
            self._hints.tell(map(hint_of, ended))
        await self._settled(ended)

    async def bring(self, progress: Progress) -> None:
        """Ring for jobs that may run now, and tell of everything that changed."""
        await self._ring(progress.runnable)
        self._hints.tell([each.hint for each in progress.runnable] + progress.hints)
        if progress.ended:
            await self._settled(progress.ended)

    async def _settled(self, jobs: Sequence[Job]) -> None:
        """Remember it of the state that it was done for: a job that waits may end meanwhile."""
        over = [job.id for job in jobs if not job.done]
        for ids, status in (([job.id for job in jobs if job.done], _ENDED), (over, _WAITING)):
            if ids:
                settled = {"_id": {"$in": ids}, "unsettled": True, "status": status}
                with translated():
                    await self._jobs.update_many(settled, {"$unset": {"unsettled": ""}}, hint=BY_ID)
