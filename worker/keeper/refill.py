"""Refills the window of held queues, by priority, as workers drain it."""

from shared.infrastructure.job_window import JobWindow
from worker.keeper.ringing import Ringing
from worker.keeper.window import Window

EVERY = 0.1  # seconds


class Refill:
    """Rings for the next jobs of a held queue whenever half of its window has drained."""

    def __init__(self, jobs: JobWindow, window: Window, ringing: Ringing) -> None:
        self._jobs = jobs
        self._window = window
        self._ringing = ringing

    async def step(self) -> int:
        """Refill each held queue that has a worker; return for how many jobs was rung.

        As long as nothing is held that costs no command.
        """
        if not self._ringing.possible:
            return 0
        held = [queue for queue in self._window.served if queue in self._window.holding]
        return sum([await self._refill(queue) for queue in held])

    async def _refill(self, queue: str) -> int:
        half = self._window.size // 2
        there = await self._jobs.rung(queue, most=half + 1)
        if there > half:
            return 0
        room = self._window.size - there
        tasks = self._window.served[queue]
        ids = await self._jobs.unrung(queue, tasks=tasks, most=room)
        rung = await self._ringing.ring(queue, ids)
        if len(ids) < room and rung == len(ids):
            await self._window.release(queue)
        return rung
