"""Opens time gates: a job whose time has come becomes runnable, and its bell is rung at once."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_times import JobTimes, Timed
from worker.keeper.lanes import Lanes
from worker.keeper.window import Window

EVERY = 1.0  # seconds between two looks, at most
MOST = 1000
_AHEAD = timedelta(seconds=2 * EVERY)  # what comes is known before we look again
_SHORTEST_REST = 0.01  # seconds, in which what falls due together collects


class Due:
    """Looks two seconds ahead, sleeps until the first job is due, and moves all that are.

    Idle, that is one small query a second; busy, what is known to be due does not wait for it. A
    hint under `due.soon` wakes it when an earlier job appears than it knew of; if the hint is lost
    the job is late by a second.
    """

    def __init__(self, times: JobTimes, window: Window, hints: HintSender, lanes: Lanes) -> None:
        self._times = times
        self._window = window
        self._lanes = lanes
        self._hints = hints
        self._ahead: list[tuple[float, Timed]] = []  # what is known to come, by monotonic time
        self._look_at = 0.0  # monotonic; then there may be more
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Look again soon: some job is due earlier than those that we know of."""
        self._news.set()

    async def step(self) -> int:
        """Open what is due; return how much that was."""
        due = self._take_due()
        if not self._news.is_set() and time.monotonic() < self._look_at:
            return await self._open(due)
        self._news.clear()
        opened, looked = await asyncio.gather(
            self._open(due), self._look(due), return_exceptions=True
        )
        if isinstance(opened, BaseException):
            raise opened
        if isinstance(looked, BaseException):
            self._news.set()
            raise looked
        return opened or await self._open(self._take_due())

    def _take_due(self) -> list[Timed]:
        now = time.monotonic()
        due = [job for at, job in self._ahead if at <= now]
        self._ahead = self._ahead[len(due) :]
        return due

    async def _open(self, due: Sequence[Timed]) -> int:
        if not due:
            return 0
        free = [job for job in due if not job.keys]
        keyed = [job for job in due if job.keys]
        opened = 0
        try:
            opened = await self._times.open([job.id for job in free]) if free else 0
            opened += await self._times.line_up([job.id for job in keyed]) if keyed else 0
        finally:
            if opened < len(due):  # in doubt, moved on meanwhile, or the clocks run apart
                self._news.set()
        self._hints.tell(job.hint("job.queued") for job in free)
        await self._window.ring((job.band, job.id) for job in free)
        if keyed:
            await self._let_in(keyed)
        return opened

    async def _let_in(self, jobs: Sequence[Timed]) -> None:
        """Let in who is next in the lanes in which these jobs stand in line now."""
        impatient = [job.id for job in jobs if job.when_busy]
        await self._lanes.admit({job.keys[0] for job in jobs}, impatient=impatient)

    async def rest(self) -> None:
        """Sleep until the next job is due, or something new is."""
        first = self._ahead[0][0] if self._ahead else self._look_at
        pause = min(first, self._look_at) - time.monotonic()
        await asyncio.sleep(_SHORTEST_REST)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, pause - _SHORTEST_REST)):
                await self._news.wait()

    async def _look(self, under_way: Sequence[Timed]) -> None:
        """Learn what comes, without what is just being opened."""
        found = await self._times.due_within(_AHEAD, most=MOST)
        now = time.monotonic()  # later than the database looked: no job is opened too early
        opening = {job.id for job in under_way}
        self._ahead = [
            (now + job.comes_in.total_seconds(), job) for job in found if job.id not in opening
        ]
        # A full answer does not reach as far as we looked.
        reach = found[-1].comes_in.total_seconds() if len(found) == MOST else EVERY
        self._look_at = now + min(EVERY, max(0.0, reach))
