"""What the keeper looks for: jobs without a living worker, and ends without their follow-ups."""

from collections.abc import Sequence
from datetime import timedelta

from shared.contracts.job import Job, Status
from shared.infrastructure.collections import JOBS
from shared.infrastructure.documents import from_document
from shared.infrastructure.mongo import Database, translated

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

    async def unsettled(self, *, most: int) -> list[Job]:
        """Return ended jobs whose follow-ups nobody has finished."""
        with translated():
            found = await self._jobs.find({"unsettled": True}).limit(most).to_list(None)
        return list(map(from_document, found))

    async def unsettled_for(self, age: timedelta, *, most: int) -> int:
        """Count jobs whose follow-ups have been waiting longer than `age`, up to `most`."""
        limit = {"$subtract": ["$$NOW", int(age.total_seconds() * 1000)]}
        query = {"unsettled": True, "$expr": {"$lt": ["$finished_at", limit]}}
        with translated():
            found = (
                await self._jobs.find(query, {"_id": 1}).hint("unsettled").limit(most).to_list(None)
            )
        return len(found)

    async def settled(self, ids: Sequence[str]) -> None:
        """Remember that the follow-ups of these jobs are done."""
        with translated():
            await self._jobs.update_many(
                {"_id": {"$in": list(ids)}, "unsettled": True}, {"$unset": {"unsettled": ""}}
            )
