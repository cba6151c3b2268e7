"""Calls the next jobs of each line in front of a limit, just before there is room for them."""

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from shared.contracts.limits.bucket import Ask, earliest, room
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.limit_documents import Limit
from shared.infrastructure.limit_lines import InLine, LimitLines
from shared.infrastructure.limits import Limits
from worker.keeper.lanes import Lanes
from worker.keeper.window import Window

EVERY = 1.0  # seconds between two looks while no line moves
SWEEP_EVERY = 5.0
_TICK = 0.05  # seconds between two looks while one moves
_AHEAD_MS = 400.0  # a job is called so long before its turn: it has to be rung for and claimed
_ON_THEIR_WAY = timedelta(seconds=2)  # who was called longer ago may have no worker
MOST = 500  # jobs of a line in one step
_MOST_LINES = 1000
_EMPTY_FOR = 1.0  # seconds until an empty line is taken for gone: a refused job may be on its way


class Lines:
    """Opens the gates of limits. Workers decide whether there is room; this only saves them work.

    Whoever was called too early goes back to the head of the line, so nothing is lost when
    two keepers call at once, or none for a while.
    """

    def __init__(
        self,
        limits: Limits,
        lines: LimitLines,
        window: Window,
        lanes: Lanes,
        hints: HintSender,
    ) -> None:
        self._limits = limits
        self._lines = lines
        self._window = window
        self._lanes = lanes
        self._hints = hints
        self._news = asyncio.Event()
        self._pause = EVERY
        self._empty_since: dict[str, float] = {}
        self.lined: list[str] = []  # limits with a line, as the last step found them
        self.somebody = asyncio.Event()  # while there are some

    def wake(self) -> None:
        """Look again soon: somebody has come into a line."""
        self._news.set()

    async def step(self) -> int:
        """Call who is next in each line; return how many that were."""
        self._news.clear()
        self._pause = EVERY
        lined = await self._limits.lined(most=_MOST_LINES)
        self.lined = [limit.name for limit in lined]
        self.somebody.set() if lined else self.somebody.clear()
        self._empty_since = {
            name: since for name, since in self._empty_since.items() if name in self.lined
        }
        return sum([await self._call_from(limit) for limit in lined])

    async def rest(self) -> None:
        """Sleep until some line moves on."""
        await asyncio.sleep(_TICK / 2)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pause - _TICK / 2):
                await self._news.wait()

    async def sweep(self) -> int:
        """Find lines that their limit does not know of, and those whose limit is gone."""
        names = await self._lines.names()
        known = {limit.name: limit for limit in await self._limits.read(names)}
        found = 0
        for name in names:
            if name in known or await self._limits.make(name):
                if name not in known or not known[name].bucket.lined:
                    await self._limits.somebody_in_line(name)
                    found += 1
            else:
                found += await self._call(name, await self._lines.first(name, most=MOST))
        return found

    async def _call_from(self, limit: Limit) -> int:
        until = limit.now + _AHEAD_MS
        there = room(limit.bucket, until=until, now=limit.now)
        most = min(MOST, math.ceil(min(there, MOST)) + 1)
        first = await self._lines.first(limit.name, most=most)
        if not first:
            await self._if_nobody_is_left(limit)
            return 0
        self._empty_since.pop(limit.name, None)
        if there > 0:
            on_their_way = await self._lines.called(limit.name, within=_ON_THEIR_WAY, most=MOST)
            there -= on_their_way * sum(each.cost for each in first) / len(first)
        next_ones = _affordable(first, there, limit.bucket.pace.cap)
        self._look_again(limit, first[0], moving=bool(next_ones) or there > 0)
        return await self._call(limit.name, next_ones)

    async def _call(self, name: str, jobs: Sequence[InLine]) -> int:
        if not jobs:
            return 0
        free = [job for job in jobs if not job.keys]
        keyed = [job for job in jobs if job.keys]
        called = await self._lines.call(name, [job.id for job in free]) if free else 0
        self._hints.tell(job.hint("job.queued") for job in free)
        await self._window.ring((job.band, job.id) for job in free)
        if keyed:  # they gave their keys back when they came into the line
            called += await self._lines.call_to_their_lanes(name, [job.id for job in keyed])
            await self._lanes.admit({job.keys[0] for job in keyed})
        return called

    async def _if_nobody_is_left(self, limit: Limit) -> None:
        since = self._empty_since.setdefault(limit.name, time.monotonic())
        self._pause = min(self._pause, _TICK)
        if time.monotonic() - since < _EMPTY_FOR:
            return
        if await self._lines.runnable(limit.name, most=1):
            return  # workers may have passed over its bell, since there was a line
        if await self._limits.nobody_in_line(limit):
            del self._empty_since[limit.name]

    def _look_again(self, limit: Limit, first: InLine, *, moving: bool) -> None:
        """Sleep no longer than until the first one of this line should be called."""
        pause = _TICK
        if not moving:
            turn = earliest(limit.bucket, Ask(cost=first.cost), limit.now)
            pause = max(_TICK, (turn - _AHEAD_MS - limit.now) / 1000)
        self._pause = min(self._pause, pause)


def _affordable(jobs: Sequence[InLine], there: float, cap: float) -> list[InLine]:
    """Return as many as there is room for; who costs more than is ever saved needs all of that."""
    chosen = []
    for job in jobs:
        if there < min(job.cost, cap):
            break
        chosen.append(job)
        there -= job.cost
    return chosen
