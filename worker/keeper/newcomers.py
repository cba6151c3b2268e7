"""Lets jobs that come while there is a line stand in it, without a claim that would be refused.

Apart from the loop that calls: there may be thousands of them while a turn lapses in half a second.
"""

import asyncio
from collections.abc import Sequence

from shared.contracts.limits.bucket import Ask, earliest
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.limit_documents import Limit, instant
from shared.infrastructure.limit_lines import InLine, LimitLines
from shared.infrastructure.limits import Limits
from worker.keeper.lines import Lines

MOST = 250  # jobs of a line in one step
_PAUSE = 0.1  # seconds between two looks while there are lines


class Newcomers:
    """Moves runnable jobs into the lines that `front` knows of."""

    def __init__(self, limits: Limits, lines: LimitLines, hints: HintSender, front: Lines) -> None:
        self._limits = limits
        self._lines = lines
        self._hints = hints
        self._front = front

    async def step(self) -> int:
        """Look once in front of each limit with a line; return how many jobs joined one."""
        joined = 0
        for name in self._front.lined:
            if jobs := await self._lines.runnable(name, most=MOST):
                for limit in await self._limits.read([name]):
                    joined += await self._join(limit, jobs)
        return joined

    async def rest(self) -> None:
        """Sleep until there is a line."""
        await asyncio.sleep(_PAUSE)
        await self._front.somebody.wait()

    async def _join(self, limit: Limit, jobs: Sequence[InLine]) -> int:
        pace, turns = limit.bucket.pace, []
        at = max(limit.bucket.line_ends, earliest(limit.bucket, Ask(), limit.now))
        for job in jobs:
            turns.append((job.id, instant(at)))
            at += job.cost * pace.spacing
        await self._limits.somebody_in_line(limit.name, until=at)
        await self._lines.join(limit.name, turns)
        self._hints.tell(job.hint("job.waiting") for job in jobs)
        return len(turns)
