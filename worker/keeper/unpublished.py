"""Rings for jobs that are stored and runnable, but for which no bell was confirmed."""

from datetime import UTC, datetime, timedelta

from shared.contracts.bands import bands_of, first_served, queue_of
from shared.infrastructure.job_window import JobWindow
from worker.keeper.ringing import Ringing
from worker.keeper.window import Window

EVERY = 1.0  # seconds
_OLDER_THAN = timedelta(seconds=2)  # the gateway that stored a younger one is still at it
_NEWS_TAKES = 5.0  # seconds, at most, until every gateway knows that a band is not held any more


class Unpublished:
    """Announces what a gateway could not, and sees to it that no band outgrows its window."""

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
        """Held bands are left to the refill, which rings for jobs of any age."""
        with_held = {queue_of(band) for band in self._window.holding}
        free = [queue for queue in self._window.served if queue not in with_held]
        queues = [queue for queue in self._window.served if queue in with_held]
        bands = [band for band in bands_of(queues) if band not in self._window.holding]
        bands += sorted(await self._with_forgotten(free), key=first_served)
        return sum([await self._ring_for(band) for band in bands])

    async def _with_forgotten(self, queues: list[str]) -> set[str]:
        """Return bands of these queues with forgotten jobs: one look, however many there are."""
        tasks = sorted({task for queue in queues for task in self._window.served[queue]})
        soonest = datetime.now(UTC) - _OLDER_THAN
        if any(self._window.released_within(band, _NEWS_TAKES) for band in bands_of(queues)):
            soonest = datetime.now(UTC)
        if not queues:
            return set()
        return await self._jobs.bands_unrung(queues=queues, tasks=tasks, before=soonest)

    async def _ring_for(self, band: str) -> int:
        now = datetime.now(UTC)
        before = now if self._window.released_within(band, _NEWS_TAKES) else now - _OLDER_THAN
        room = await self._window.room(band)
        ids = await self._jobs.unrung(
            band, tasks=self._window.served[queue_of(band)], before=before, most=room + 1
        )
        ids = [job_id for job_id in ids if job_id not in self._ringing.unmarked]
        return await self._window.ring_in_room(band, ids, room) if ids else 0

    async def _hold_what_is_full(self) -> None:
        """Gateways ring without counting: what they rang too much for waits before it grows."""
        for band in await self._jobs.bands_rung():
            if band not in self._window.holding and not await self._window.room(band):
                await self._window.hold(band)
