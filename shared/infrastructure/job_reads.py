"""Reading jobs: one, many, pages of them, and what a gateway needs to catch up."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pymongo import ASCENDING, DESCENDING
from pymongo.read_concern import ReadConcern

from shared.contracts.errors import Forgotten, NotFound
from shared.contracts.job import Job
from shared.infrastructure.collections import JOBS, LOGS, TOMBSTONES
from shared.infrastructure.documents import from_document
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.shared_reads import SharedReads

_MOST_AT_ONCE = 500


class Ended(NamedTuple):
    """That a job has ended, and when by the database's clock."""

    job_id: str
    version: int
    at: datetime


class JobReads:
    """Reads what a majority has acknowledged, so that nothing shown can be rolled back."""

    def __init__(self, database: Database) -> None:
        self._jobs = database.get_collection(JOBS, read_concern=ReadConcern("majority"))
        self._logs = database[LOGS]
        self._tombstones = database[TOMBSTONES]
        self._single = SharedReads(self._by_id)

    async def get(self, job_id: str) -> Job:
        """Return one job; raise NotFound, or Forgotten if it was removed not long ago."""
        job = await self._single.get(job_id)
        if job is None:
            await self._look_for_tombstone(job_id)
            raise NotFound(f"there is no job {job_id}")
        return job

    async def _look_for_tombstone(self, job_id: str) -> None:
        with translated():
            found = await self._tombstones.find_one({"_id": job_id})
        if found is not None:
            raise Forgotten(f"job {job_id} has ended and was removed from the history")

    async def _by_id(self, ids: Iterable[str]) -> dict[str, Job]:
        return {job.id: job for job in await self.get_many(ids)}

    async def get_many(self, ids: Iterable[str]) -> list[Job]:
        """Return those of the jobs that exist, in no order."""
        wanted = list(ids)
        found: list[Job] = []
        for start in range(0, len(wanted), _MOST_AT_ONCE):
            chunk = wanted[start : start + _MOST_AT_ONCE]
            with translated():
                documents = await self._jobs.find({"_id": {"$in": chunk}}).to_list(None)
            found += map(from_document, documents)
        return found

    async def versions(self, ids: Iterable[str]) -> dict[str, int]:
        """Return the version of each of the jobs that exist."""
        wanted = list(ids)
        versions: dict[str, int] = {}
        for start in range(0, len(wanted), _MOST_AT_ONCE):
            chunk = wanted[start : start + _MOST_AT_ONCE]
            with translated():
                documents = await self._jobs.find({"_id": {"$in": chunk}}, {"version": 1}).to_list(
                    None
                )
            versions |= {each["_id"]: each["version"] for each in documents}
        return versions

    async def page(
        self, filters: Mapping[str, Any], *, size: int, newest_first: bool, after: str | None
    ) -> list[Job]:
        """Return up to `size` jobs that match, in order of creation, beyond the id `after`."""
        query: Document = dict(filters)
        if after is not None:
            beyond = {"_id": {"$lt" if newest_first else "$gt": after}}
            query = {"$and": [query, beyond]}
        order = DESCENDING if newest_first else ASCENDING
        with translated():
            documents = await self._jobs.find(query).sort("_id", order).limit(size).to_list(None)
        return list(map(from_document, documents))

    async def ended_since(self, instant: datetime, *, most: int) -> list[Ended]:
        """Return which jobs ended after `instant` (the database's clock), oldest end first."""
        with translated():
            found = (
                await self._jobs.find(
                    {"finished_at": {"$gt": instant}}, {"version": 1, "finished_at": 1}
                )
                .sort("finished_at", ASCENDING)
                .limit(most)
                .to_list(None)
            )
        return [Ended(each["_id"], each["version"], each["finished_at"]) for each in found]

    async def ended_of(self, workflow_id: str, since: datetime | None, *, most: int) -> list[Ended]:
        """The same for jobs of a workflow, whenever they ended if `since` is None."""
        ended = {"$gt": since} if since else {"$type": "date"}
        query = {"workflow_id": workflow_id, "finished_at": ended}
        shown = {"version": 1, "finished_at": 1}
        with translated():
            found = (
                await self._jobs.find(query, shown)
                .hint("ended_in_workflow")
                .sort("finished_at", ASCENDING)
                .limit(most)
                .to_list(None)
            )
        return [Ended(each["_id"], each["version"], each["finished_at"]) for each in found]

    async def last_end_of(self, workflow_id: str) -> datetime | None:
        """Return when the last job of a workflow to end so far did (the database's clock)."""
        query = {"workflow_id": workflow_id, "finished_at": {"$type": "date"}}
        with translated():
            found = (
                await self._jobs.find(query, {"finished_at": 1})
                .hint("ended_in_workflow")
                .sort("finished_at", DESCENDING)
                .limit(1)
                .to_list(None)
            )
        return found[0]["finished_at"] if found else None

    async def logs(self, job_id: str) -> list[Document]:
        """Return the log lines of all attempts of a job, oldest first."""
        with translated():
            return await self._logs.find({"job_id": job_id}).sort("_id", ASCENDING).to_list(None)
