"""Refills the windows of held bands, those of the highest priority first, as workers drain them."""

from shared.contracts.bands import first_served, queue_of
from shared.infrastructure.job_window import JobWindow
from worker.keeper.ringing import Ringing
from worker.keeper.window import Window

EVERY = 0.1  # seconds


class Refill:
    """Rings for the next jobs of a held band whenever half of its window has drained."""

    def __init__(self, jobs: JobWindow, window: Window, ringing: Ringing) -> None:
        self._jobs = jobs
        self._window = window
        self._ringing = ringing

    async def step(self) -> int:
        """Refill each held band that has a worker; return for how many jobs was rung.

        As long as nothing is held that costs no command.
        """
        if not self._ringing.possible:
            return 0
        held = [band for band in self._window.holding if queue_of(band) in self._window.served]
        return sum([await self._refill(band) for band in sorted(held, key=first_served)])

    async def _refill(self, band: str) -> int:
        half = self._window.size // 2
        there = await self._jobs.rung(band, most=half + 1)
        if there > half:
            return 0
        room = self._window.size - there
        tasks = self._window.served[queue_of(band)]
        ids = await self._jobs.unrung(band, tasks=tasks, most=room)
        rung = await self._ringing.ring(band, ids)
        if len(ids) < room and rung == len(ids):
            await self._window.release(band)
        return rung
