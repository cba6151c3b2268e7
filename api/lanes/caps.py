"""Refusing jobs whose lane has too many in line already.

The cap holds exactly for one gateway; several, at the very same moment, may let in a few more.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.contracts.errors import LaneFull
from shared.contracts.job import Job
from shared.contracts.keys import MOST_CAP
from shared.infrastructure.lanes.looks import LaneLooks

_FRESH = 0.1  # seconds; a batch of jobs of one key shares a look
_FORGOTTEN = 10.0  # seconds; by then a job is stored, or never will be
_MOST_KNOWN = 10_000


@dataclass(slots=True)
class _Line:
    """What is known of one line."""

    read_at: float = 0.0  # monotonic
    depth: int = 0  # in line then, less those for whom there is room
    coming: dict[str, tuple[float, float | None]] = field(default_factory=dict)

    def length(self) -> int:
        """Count who will be in line, as far as we know."""
        since = time.monotonic() - _FORGOTTEN
        coming = sum(
            (stored_at is None and came_at > since) or (stored_at or 0.0) > self.read_at
            for came_at, stored_at in self.coming.values()
        )
        return max(0, self.depth + coming)


class LaneCaps:
    """Knows how many stand in line for the keys that have a cap."""

    def __init__(self, looks: LaneLooks) -> None:
        self._looks = looks
        self._lines: dict[str, _Line] = {}
        self._looking = asyncio.Lock()

    async def check(self, job: Job, cap: int) -> None:
        """Raise LaneFull if the line of one of the job's keys is as long as the cap."""
        lines = [(key, await self._line(key, job.key_limit)) for key in job.keys]
        for key, line in lines:
            if line.length() >= cap:
                raise LaneFull(key=key, depth=line.length(), cap=cap)
        for _, line in lines:
            line.coming[job.id] = time.monotonic(), None

    def stored(self, jobs: Iterable[Job]) -> None:
        """Note that jobs stand in line now, where everybody can count them."""
        for job in jobs if self._lines else ():
            for key in job.keys:
                line = self._lines.get(key)
                if line is not None and job.id in line.coming:
                    line.coming[job.id] = line.coming[job.id][0], time.monotonic()

    async def _line(self, key: str, limit: int) -> _Line:
        line = self._lines.get(key)
        if line is not None and time.monotonic() - line.read_at < _FRESH:
            return line
        async with self._looking:
            line = self._lines.setdefault(key, _Line())
            if time.monotonic() - line.read_at >= _FRESH:
                await self._read(key, line, limit)
        return line

    async def _read(self, key: str, line: _Line, limit: int) -> None:
        read_at = time.monotonic()
        line.depth = await self._looks.beyond_room(key, limit=limit, most=MOST_CAP + limit)
        line.read_at = read_at
        line.coming = {
            job_id: (came_at, stored_at)
            for job_id, (came_at, stored_at) in line.coming.items()
            if (stored_at is None and came_at > read_at - _FORGOTTEN) or (stored_at or 0) > read_at
        }
        if len(self._lines) > _MOST_KNOWN:
            self._lines = {k: each for k, each in self._lines.items() if each.coming or k == key}
