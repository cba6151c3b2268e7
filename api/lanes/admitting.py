"""Letting jobs into their lanes once they are stored. No client waits for it.

What fails is the keeper's: it finds lanes that do not stand as the jobs do.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence, Set
from contextlib import asynccontextmanager

from shared.contracts.errors import Unavailable
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.lanes.admissions import Admissions
from shared.infrastructure.lanes.impatient import Impatient
from shared.infrastructure.workflow.progress import Runnable

Ring = Callable[[Sequence[Runnable]], Awaitable[None]]
"""Brings jobs that may run now to a worker."""


class Admitting:
    """Takes jobs that came to stand in line, or need their lanes no more."""

    def __init__(
        self,
        admissions: Admissions,
        impatient: Impatient,
        hints: HintSender,
        *,
        ring: Ring,
    ) -> None:
        self._admissions = admissions
        self._impatient = impatient
        self._hints = hints
        self._ring = ring
        self._settling = GroupCommit[Job](self._settle)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Admitting"]:
        """Work in the background for as long as the context is open."""
        async with self._settling.running():
            yield self

    async def let_in(self, jobs: Sequence[Job]) -> Set[str]:
        """Let jobs in that are about to be stored, where that is possible; return which came in."""
        try:
            let_in = await self._admissions.let_in(jobs)
        except Unavailable:
            return frozenset()
        await self._let_run(let_in.runnable)
        return let_in.ids

    def look_at(self, jobs: Sequence[Job]) -> None:
        """See to what follows for the lanes of these jobs from how they stand."""
        for job in jobs:
            if job.keys:
                self._settling.put(job)

    async def open(self, key: str) -> None:
        """Let in who is next in a lane."""
        await self._let_run(await self._admissions.pass_on({key: 1}))

    async def _settle(self, jobs: list[Job]) -> None:
        await self._let_run(await self._admissions.settle(jobs))
        impatient = [job.id for job in jobs if job.lane and job.when_busy and not job.starts]
        if impatient:
            dealt = await self._impatient.deal_with(impatient)
            self._hints.tell(map(hint_of, dealt.ended))
            await self._let_run(dealt.runnable)

    async def _let_run(self, jobs: Sequence[Runnable]) -> None:
        if jobs:
            self._hints.tell(each.hint for each in jobs)
            await self._ring(jobs)
