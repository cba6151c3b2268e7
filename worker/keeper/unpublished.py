"""Rings for jobs that are stored and runnable, but for which no bell was confirmed."""

from datetime import UTC, datetime, timedelta

from shared.infrastructure.job_window import JobWindow
from worker.keeper.ringing import Ringing
from worker.keeper.window import Window

EVERY = 1.0  # seconds
_OLDER_THAN = timedelta(seconds=2)  # the gateway that stored a younger one is still at it
_NEWS_TAKES = 5.0  # seconds, at most, until every gateway knows that a queue is not held any more


class Unpublished:
    """Announces what a gateway could not, and sees to it that no queue outgrows its window."""

    def __init__(self, jobs: JobWindow, window: Window, ringing: Ringing) -> None:
        self._jobs = jobs
        self._window = window
        self._ringing = ringing

    async def step(self) -> int:
        """Ring for jobs whose queue and task some live worker serves; return how many."""
        await self._window.look()
        if not self._ringing.possible:
            return 0
        rung = await self._ring_for_the_forgotten()
        await self._hold_what_is_full()
        return rung

    async def _ring_for_the_forgotten(self) -> int:
        """Held queues are left to the refill, which rings for jobs of any age."""
        queues = [queue for queue in self._window.served if queue not in self._window.holding]
        tasks = sorted({task for queue in queues for task in self._window.served[queue]})
        soonest = datetime.now(UTC) - _OLDER_THAN
        if any(self._window.released_within(queue, _NEWS_TAKES) for queue in queues):
            soonest = datetime.now(UTC)
        if not queues or not await self._jobs.has_unrung(
            queues=queues, tasks=tasks, before=soonest
        ):
            return 0
        return sum([await self._ring_for(queue) for queue in queues])

    async def _ring_for(self, queue: str) -> int:
        now = datetime.now(UTC)
        before = now if self._window.released_within(queue, _NEWS_TAKES) else now - _OLDER_THAN
        room = await self._window.room(queue)
        ids = await self._jobs.unrung(
            queue, tasks=self._window.served[queue], before=before, most=room + 1
        )
        ids = [job_id for job_id in ids if job_id not in self._ringing.unmarked]
        return await self._window.ring_in_room(queue, ids, room) if ids else 0

    async def _hold_what_is_full(self) -> None:
        """Gateways ring without counting: what they rang too much for waits before it grows."""
        for queue in await self._jobs.queues_rung():
            if queue not in self._window.holding and not await self._window.room(queue):
                await self._window.hold(queue)
