"""The jobs of schedules: what overlaps, what ran last, which times have a job already."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from shared.contracts.job import Job
from shared.contracts.moves import ENDS, Status
from shared.infrastructure.collections import JOBS, TOMBSTONES
from shared.infrastructure.documents import from_document, to_document
from shared.infrastructure.mongo import Database, Document, translated

_UNFINISHED: Document = {"status": {"$in": sorted(set(Status) - ENDS)}}
_MILLISECOND = timedelta(milliseconds=1)


class ScheduledJobs:
    """Reads jobs by their schedule; each query is served by an index."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]
        self._tombstones = database[TOMBSTONES]

    async def unfinished(self, schedules: Sequence[str]) -> list[Job]:
        """Return the jobs of these schedules that have not ended."""
        if not schedules:
            return []
        with translated():
            found = (
                await self._jobs.find(
                    {"schedule_id": {"$in": list(schedules)}, **_UNFINISHED},
                    {"input": 0, "metadata": 0, "past_attempts": 0},
                )
                .hint("scheduled")
                .to_list(None)
            )
        return list(map(from_document, found))

    async def latest(self, schedule: str, *, most: int) -> list[Job]:
        """Return the jobs with the latest nominal times, the latest first."""
        with translated():
            found = (
                await self._jobs.find({"schedule_id": schedule, "nominal_at": {"$exists": True}})
                .hint("nominal")
                .sort("nominal_at", DESCENDING)
                .limit(most)
                .to_list(None)
            )
        return list(map(from_document, found))

    async def nominal_times(
        self, schedule: str, *, after: datetime, until: datetime
    ) -> set[datetime]:
        """Return the nominal times in a range for which there is a job."""
        asked = {"schedule_id": schedule, "nominal_at": {"$gt": after, "$lte": until}}
        with translated():
            found = (
                await self._jobs.find(asked, {"_id": 0, "nominal_at": 1})
                .hint("nominal")
                .to_list(None)
            )
        return {each["nominal_at"] for each in found}

    async def forgotten(self, ids: Iterable[str]) -> set[str]:
        """Return those of the ids whose jobs have been and are not remembered any more."""
        with translated():
            found = await self._tombstones.find({"_id": {"$in": list(ids)}}, {"_id": 1}).to_list(
                None
            )
        return {each["_id"] for each in found}

    async def add_out_of_turn(self, job: Job) -> Job:
        """Store a job under its nominal time, or the next millisecond that is free."""
        while True:
            with translated():
                try:
                    await self._jobs.insert_one(to_document(job))
                except DuplicateKeyError as error:
                    if "_id" in (error.details or {}).get("keyPattern", {}):
                        return job  # an earlier try, whose answer was lost, has stored it
                else:
                    return job
            assert job.nominal_at is not None
            job = replace(job, nominal_at=job.nominal_at + _MILLISECOND)
