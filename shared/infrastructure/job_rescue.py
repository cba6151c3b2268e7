"""What the keeper looks for: jobs without a living worker, and ends without their follow-ups."""

from collections.abc import Sequence
from datetime import timedelta

from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.documents import from_document
from shared.infrastructure.mongo import Database, Document, translated

_RUNNING = Status.RUNNING.value


class JobRescue:
    """Queries over live jobs; each is bounded and served by an index."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]

    async def held_by(self, worker: str, *, most: int) -> list[Job]:
        """Return jobs that this worker has claimed and not given up."""
        with translated():
            found = (
                await self._jobs.find({"status": _RUNNING, "claim.worker": worker})
                .limit(most)
                .to_list(None)
            )
        return list(map(from_document, found))

    async def workers_of_running_jobs(self) -> set[str]:
        """Return every worker that some running job names."""
        with translated():
            found: list[str] = await self._jobs.distinct("claim.worker", {"status": _RUNNING})
        return set(found)

    async def unsettled(self, age: timedelta, *, most: int) -> list[Job]:
        """Return jobs whose attempt ended longer ago than `age`, without their follow-ups."""
        with translated():
            found = (
                await self._jobs.find(_unsettled_for(age))
                .hint("unsettled")
                .limit(most)
                .to_list(None)
            )
        return list(map(from_document, found))

    async def unsettled_among(self, ids: Sequence[str]) -> list[Job]:
        """Return those of the jobs whose follow-ups nobody has finished."""
        with translated():
            found = (
                await self._jobs.find({"_id": {"$in": list(ids)}, "unsettled": True})
                .hint(BY_ID)
                .to_list(None)
            )
        return list(map(from_document, found))

    async def unsettled_for(self, age: timedelta, *, most: int) -> int:
        """Count jobs whose follow-ups have been waiting longer than `age`, up to `most`."""
        with translated():
            found = (
                await self._jobs.find(_unsettled_for(age), {"_id": 1})
                .hint("unsettled")
                .limit(most)
                .to_list(None)
            )
        return len(found)


def _unsettled_for(age: timedelta) -> Document:
    """Match by when the job ended, or began what is over now though the job has not ended."""
    limit = {"$subtract": ["$$NOW", int(age.total_seconds() * 1000)]}
    since = {"$ifNull": ["$finished_at", "$started_at"]}
    return {"unsettled": True, "$expr": {"$lt": [since, limit]}}
