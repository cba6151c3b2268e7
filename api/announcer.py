"""Rings for jobs once they are stored. No client waits for it; what fails is the keeper's."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from shared.contracts.bands import first_served
from shared.contracts.bells import into_bells
from shared.contracts.errors import StoreUnavailable
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.background import end
from shared.infrastructure.bell_ringer import BellRinger, Rung
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_inserts import JobInserts
from shared.infrastructure.workflow.progress import Runnable

_MOST_PENDING = 10_000  # jobs; the keeper rings for those beyond
_MOST_IN_FLIGHT = 32  # bells without a confirm
_MARK_EVERY = 0.5  # seconds


class Announcer:
    """Collects stored jobs into bells, one for each band and flush.

    It does not ring for jobs whose time has not come, nor for what is held or paused: the keeper
    does.
    """

    def __init__(
        self,
        ringer: BellRinger,
        inserts: JobInserts,
        hints: HintSender,
        *,
        holds: Callable[[Job | Runnable], bool],
        line_up: Callable[[Sequence[Job]], None],
    ) -> None:
        self._ringer = ringer
        self._inserts = inserts
        self._hints = hints
        self._holds = holds
        self._line_up = line_up  # takes jobs that stand in line for a key
        self._pending: list[Job] = []
        self._opened: list[Runnable] = []
        self._arrived = asyncio.Event()
        self._in_flight = asyncio.Semaphore(_MOST_IN_FLIGHT)
        self._confirmed: list[str] = []

    def announce(self, jobs: Sequence[Job]) -> None:
        """Ring for those of the jobs that are runnable soon, if the broker is there."""
        waiting = [job for job in jobs if job.status is Status.WAITING]
        if waiting:
            self._hints.tell_due(job.due_at - job.created_at for job in waiting if job.due_at)
            self._line_up([job for job in waiting if job.lane is not None])
        if self._ringer.link.up and len(self._pending) < _MOST_PENDING:
            self._pending.extend(jobs)
            self._arrived.set()

    async def announce_opened(self, jobs: Sequence[Runnable]) -> None:
        """Ring for jobs that may run from now on, if the broker is there."""
        if self._ringer.link.up and len(self._opened) < _MOST_PENDING:
            self._opened.extend(jobs[:_MOST_PENDING])
            self._arrived.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Announcer"]:
        """Ring in the background."""
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(self._run(group)), group.create_task(self._mark())]
            try:
                yield self
            finally:
                await end(*loops)

    async def _run(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            pending, self._pending = self._pending, []
            opened, self._opened = self._opened, []
            self._hints.tell_of_new(map(hint_of, pending))
            by_band: dict[str, list[Job | Runnable]] = defaultdict(list)
            runnable: list[Job | Runnable] = [*opened]
            runnable += [job for job in pending if job.status is Status.QUEUED]
            for job in runnable:
                if not self._holds(job):
                    by_band[job.band].append(job)
            for band in sorted(by_band, key=first_served):
                jobs = by_band[band]
                for ids in into_bells(job.id for job in jobs):
                    await self._in_flight.acquire()
                    group.create_task(self._ring(band, ids, jobs[0].task))

    async def _ring(self, band: str, ids: list[str], task: str) -> None:
        try:
            if await self._ringer.ring(band, ids, task=task) is Rung.CONFIRMED:
                self._confirmed.extend(ids)
        finally:
            self._in_flight.release()

    async def _mark(self) -> None:
        """Note confirmed bells in batches; by then most of their jobs have moved on."""
        while True:
            await asyncio.sleep(_MARK_EVERY)
            ids, self._confirmed = self._confirmed, []
            for start in range(0, len(ids), 1000):
                with suppress(StoreUnavailable):  # the keeper would ring once more: harmless
                    await self._inserts.mark_published(ids[start : start + 1000])
