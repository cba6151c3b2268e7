"""What follows from the ends of jobs: workflows move on, lanes go to the next, watchers are told.

Whoever writes an end that carries the mark `unsettled` settles it, and the keeper does so if that
process died in between. Each step may be repeated.
"""

from collections import Counter
from collections.abc import Callable, Container, Sequence

from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.contracts.moves import ENDS, Status
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.lanes.admissions import Admissions
from shared.infrastructure.mongo import Database, translated
from shared.infrastructure.workflow.advance import Advance
from shared.infrastructure.workflow.node_jobs import FOR_JOBS
from shared.infrastructure.workflow.progress import Progress, Ring, Runnable

_ENDED = {"$in": sorted(ENDS)}
_WAITING = Status.WAITING.value


class FollowUps:
    """Settles ends."""

    def __init__(
        self,
        database: Database,
        hints: HintSender,
        ring: Ring,
        *,
        note_later: Callable[[Job, bool], object] | None = None,
    ) -> None:
        self._note_later = note_later  # takes a job for `note`, and whether somebody may wait
        self._jobs = database[JOBS]
        self._hints = hints
        self._ring = ring
        self.workflows = Advance(database, ring)
        self.lanes = Admissions(database)

    async def settle(
        self,
        ended: Sequence[Job],
        *,
        tell: bool = False,
        taken: Container[str] = frozenset(),
        again: bool = False,
    ) -> None:
        """Do all that follows from these ends; with `tell`, also tell of the jobs themselves.

        Of those that may run by it, the ones that are `taken` run already. With `again`, whoever
        wrote the ends may have died in the middle of this.
        """
        followed = [job for job in ended if _moves_a_workflow_on(job)]
        over = False  # a retry of it waits until all is noted
        if followed:
            progress = await self.workflows.advance(followed, taken=taken, again=again)
            over = progress.ends_a_workflow
            await self.bring(progress)
        keyed = [job for job in ended if job.keys]
        if keyed:
            await self._let_run(await self.lanes.settle(keyed))
        if tell:
            self._hints.tell(map(hint_of, ended))
        moving = {job.id for job in followed}
        await self._settled([j for j in ended if j.unsettled or j.id in moving], soon=over)

    async def bring(self, progress: Progress) -> None:
        """Ring for jobs that may run now, and tell of everything that changed."""
        await self._ring(progress.runnable)
        self._hints.tell([each.hint for each in progress.runnable] + progress.hints)
        if progress.lanes:
            await self._let_run(await self.lanes.pass_on(Counter(progress.lanes)))
        if any(job.keys for job in progress.ended):
            await self._let_run(await self.lanes.settle(progress.ended))
        if progress.ended:
            await self._settled(progress.ended)

    async def _let_run(self, jobs: Sequence[Runnable]) -> None:
        if jobs:
            await self._ring(jobs)
            self._hints.tell(each.hint for each in jobs)

    async def _settled(self, jobs: Sequence[Job], *, soon: bool = False) -> None:
        if self._note_later is None:
            await self.note(jobs)
        else:
            for job in jobs:
                self._note_later(job, soon)

    async def note(self, jobs: Sequence[Job]) -> None:
        """Remember that all that follows was done.

        That is remembered of the state that it was done for: a job that waits may end meanwhile.
        """
        over = [job.id for job in jobs if not job.done]
        for ids, status in (([job.id for job in jobs if job.done], _ENDED), (over, _WAITING)):
            if ids:
                settled = {"_id": {"$in": ids}, "unsettled": True, "status": status}
                with translated():
                    await self._jobs.update_many(settled, {"$unset": {"unsettled": ""}}, hint=BY_ID)


def _moves_a_workflow_on(job: Job) -> bool:
    """Say whether others may wait for how a job stands now, beside those in its lanes."""
    if job.done:
        return job.workflow_id is not None or job.grown
    return job.status is Status.WAITING and job.because == FOR_JOBS
