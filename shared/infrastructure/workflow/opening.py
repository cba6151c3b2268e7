"""Opening jobs of nodes whose parents have ended: to run at once, in a lane, or at their time."""

from collections.abc import Sequence

from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.progress import Progress, Ring, Runnable
from shared.infrastructure.workflow.rows import NodeRow


class Opening:
    """Opens jobs by compare-and-set, so that it may be repeated."""

    def __init__(self, jobs: NodeJobs, ring: Ring | None) -> None:
        self._jobs = jobs
        self._ring = ring  # brings jobs to a worker while the rest is still being noted

    async def open(self, jobs: Sequence[tuple[NodeRow, str]], done: Progress) -> None:
        """Open jobs, each with the row of its node."""
        at_once = [(row, job_id) for row, job_id in jobs if not (row.timed or row.keys)]
        keyed = [(row, job_id) for row, job_id in jobs if row.keys and not row.timed]
        timed = [job_id for row, job_id in jobs if row.timed]
        if at_once:
            await self._jobs.open([job_id for _, job_id in at_once])
            await self._ring_for([Runnable.at(row, job_id) for row, job_id in at_once], done)
        if keyed:
            await self._jobs.line_up([job_id for _, job_id in keyed])
            done.lanes.extend(row.keys[0] for row, _ in keyed)
        if timed:
            await self._jobs.wait_for_their_time(timed)

    async def bring(self, rows: Sequence[NodeRow], done: Progress) -> None:
        """Let the jobs of nodes run that are runnable already."""
        if rows:
            await self._ring_for([Runnable.at(row) for row in rows], done)

    async def _ring_for(self, jobs: list[Runnable], done: Progress) -> None:
        """Let jobs run at once where that is possible, else leave it to the caller."""
        if self._ring is None:
            done.runnable.extend(jobs)
        else:
            await self._ring(jobs)
            done.hints.extend(each.hint for each in jobs)
