"""Opens time gates: a job whose time has come becomes runnable, and its bell is rung at once."""

import asyncio
import time
from contextlib import suppress
from datetime import timedelta

from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_times import JobTimes, Timed
from worker.keeper.window import Window

EVERY = 1.0  # seconds between two looks, at most
MOST = 1000
_AHEAD = timedelta(seconds=EVERY)
_SHORTEST_REST = 0.01  # seconds, in which what falls due together collects


class Due:
    """Looks a second ahead, sleeps until the first job is due, and moves all that are.

    Idle, that is one small query a second. A hint under `due.soon` wakes it when an earlier job
    appears than it knew of; if the hint is lost the job is late by that second.
    """

    def __init__(self, times: JobTimes, window: Window, hints: HintSender) -> None:
        self._times = times
        self._window = window
        self._hints = hints
        self._ahead: list[tuple[float, Timed]] = []  # what is known to come, by monotonic time
        self._look_at = 0.0  # monotonic; then there may be more
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Look again soon: some job is due earlier than those that we know of."""
        self._news.set()

    async def step(self) -> int:
        """Open what is due; return how much that was."""
        if self._news.is_set() or time.monotonic() >= self._look_at:
            self._news.clear()
            await self._look()
        now = time.monotonic()
        due = [job for at, job in self._ahead if at <= now]
        if not due:
            return 0
        self._ahead = self._ahead[len(due) :]
        opened = await self._times.open([job.id for job in due])
        if opened < len(due):  # moved on meanwhile, or the clocks run apart
            self._look_at = 0.0
        self._hints.tell(job.hint("job.queued") for job in due)
        await self._window.ring((job.queue, job.id) for job in due)
        return opened

    async def rest(self) -> None:
        """Sleep until the next job is due, or something new is."""
        first = self._ahead[0][0] if self._ahead else self._look_at
        pause = min(first, self._look_at) - time.monotonic()
        await asyncio.sleep(_SHORTEST_REST)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, pause - _SHORTEST_REST)):
                await self._news.wait()

    async def _look(self) -> None:
        found = await self._times.due_within(_AHEAD, most=MOST)
        now = time.monotonic()  # later than the database looked: no job is opened too early
        self._ahead = [(now + job.comes_in.total_seconds(), job) for job in found]
        # A full answer does not reach as far as we looked.
        last = self._ahead[-1][0] if len(found) == MOST else now + EVERY
        self._look_at = max(now, last)
