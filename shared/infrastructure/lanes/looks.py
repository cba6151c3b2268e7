"""Looking at lanes: who has a key, how many wait for it and since when. Bounded, by an index."""

import asyncio
from datetime import datetime, timedelta

from pymongo import ASCENDING, DESCENDING

from shared.contracts.job import Job
from shared.infrastructure.collections import BY_ID, IN_LANE, JOBS, LANES
from shared.infrastructure.documents import from_document
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.lanes.rows import lane_of
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.queue_depths import MOST_COUNTED

_MOST_RECENT = 100  # jobs of a key that are looked at for durations
_WITHOUT_THE_LARGE = {"input": 0, "metadata": 0, "result": 0, "past_attempts": 0}


class LaneLooks:
    """Reads lanes, their holders and their lines."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lanes = database[LANES]
        self._jobs = database[JOBS]
        self._outlines = JobOutlines(database)

    async def row(self, key: str) -> Document:
        """Return what is stored of a lane; one that was never used looks empty."""
        with translated():
            found = await self._lanes.find_one({"_id": key}, hint=BY_ID)
        return found or {"_id": key, "holders": []}

    async def rows(self, *, held: bool | None, after: str, most: int) -> list[Document]:
        """Return lanes that somebody holds, or that an operator does, in order of their keys."""
        used: list[Document] = [{"holders.0": {"$exists": True}}, {"held": {"$exists": True}}]
        query: Document = {"_id": {"$gt": after}, "$or": used}
        if held is not None:
            query["held"] = {"$exists": held}
        with translated():
            return (
                await self._lanes.find(query)
                .hint(BY_ID)
                .sort("_id", ASCENDING)
                .limit(most)
                .to_list(None)
            )

    async def holders(self, row: Document) -> list[Job]:
        """Return the jobs that hold a lane and may run, or run."""
        jobs = await self._outlines.get([each["job"] for each in row["holders"]])
        return [job for job in jobs if not job.done]

    async def waiting(self, key: str, *, most: int = MOST_COUNTED) -> int:
        """Count who stands in line for a key, up to `most`."""
        return await self._count({"lane": key}, most)

    async def first(self, key: str, *, most: int) -> list[Job]:
        """Return who is next in line for a key."""
        return await self._find({"lane": key}, most=most)

    async def oldest(self, key: str) -> Job | None:
        """Return who of those in line was submitted first."""
        oldest: Job | None = None
        below = 10
        while found := await self._find({"lane": key, "priority": {"$lt": below}}, most=1):
            below = found[0].priority
            if oldest is None or found[0].id < oldest.id:
                oldest = found[0]
        return oldest

    async def ahead_of(self, job: Job) -> int:
        """Count who stands in line before a job, up to `MOST_COUNTED`."""
        more_urgent = {"lane": job.lane, "priority": {"$gt": job.priority}}
        older = {"lane": job.lane, "priority": job.priority, "_id": {"$lt": job.id}}
        counts = await asyncio.gather(
            self._count(more_urgent, MOST_COUNTED), self._count(older, MOST_COUNTED)
        )
        return min(MOST_COUNTED, sum(counts))

    async def beyond_room(self, key: str, *, limit: int, most: int) -> int:
        """Count who stands in line, up to `most`, less those for whom there is room now."""
        waiting, row = await asyncio.gather(self.waiting(key, most=most), self.row(key))
        lane = lane_of(row)
        strictest = min((each.limit for each in lane.holders), default=limit)
        room = 0 if lane.held else max(0, min(limit, strictest) - len(lane.holders))
        return waiting - room

    async def durations(self, key: str, *, before: str) -> list[float]:
        """Return how many seconds the last attempts took of jobs of a key that came `before`."""
        shown = {"started_at": 1, "finished_at": 1}
        with translated():
            found = (
                await self._jobs.find({"keys": key, "_id": {"$lt": before}}, shown)
                .hint("keyed")
                .sort("_id", DESCENDING)
                .limit(_MOST_RECENT)
                .to_list(None)
            )
        ended = [row for row in found if "finished_at" in row and "started_at" in row]
        took: list[timedelta] = [row["finished_at"] - row["started_at"] for row in ended]
        return [each.total_seconds() for each in took]

    async def _find(self, query: Document, *, most: int) -> list[Job]:
        with translated():
            found = (
                await self._jobs.find(query, _WITHOUT_THE_LARGE)
                .hint(IN_LANE)
                .sort([("priority", DESCENDING), ("_id", ASCENDING)])
                .limit(most)
                .to_list(None)
            )
        return list(map(from_document, found))

    async def _count(self, query: Document, most: int) -> int:
        command = {"count": JOBS, "query": query, "hint": IN_LANE, "limit": most}
        with translated():
            reply = await self._database.command(command)
        count: int = reply["n"]
        return count


def since_of(job: Job) -> datetime:
    """Return since when a job could have run, as far as its times tell."""
    return max(job.created_at, job.run_at or job.created_at)
