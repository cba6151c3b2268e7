"""Whether jobs hold the lanes of their keys, as whoever let them run has said.

They wrote so without waiting for the disk, and the claim of the job, which does, came after it. So
the answer differs only if a primary was lost in between (docs/decisions/0024).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.contracts.job import Job
from shared.contracts.lanes import holds_its_lanes
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.lanes.rows import LaneRows
from shared.infrastructure.logs import get_logger
from shared.infrastructure.writes import until_stored

log = get_logger(__name__)


class ShutOut(Exception):
    """A job was claimed that does not hold its lanes."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} does not hold the lanes of its keys")


class HeldLanes:
    """Looks lanes up, for all jobs of a claim at once."""

    def __init__(self, rows: LaneRows) -> None:
        self._rows = rows
        self._asking = GroupCommit[Job](self._look)
        self._shut_out: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["HeldLanes"]:
        """Look in the background for as long as the context is open."""
        async with self._asking.running():
            yield self

    def look(self, job: Job) -> "asyncio.Future[None]":
        """Look whether a claimed job holds its lanes; `hold` knows it afterwards."""
        return self._asking.put(job)

    async def hold(self, job: Job, looked: "asyncio.Future[None]") -> bool:
        """Say whether a claimed job holds the lanes of all its keys."""
        await looked
        if job.id not in self._shut_out:
            return True
        self._shut_out.discard(job.id)
        log.warning("job.shut_out", job_id=job.id, keys=job.keys, reason="lanes are not held")
        return False

    async def _look(self, jobs: list[Job]) -> None:
        keys = sorted({key for job in jobs for key in job.keys})
        lanes = await until_stored(lambda: self._rows.lanes(keys))
        for job in jobs:  # also one about which somebody asked, and then heard no answer
            (self._shut_out.discard if holds_its_lanes(job, lanes) else self._shut_out.add)(job.id)
