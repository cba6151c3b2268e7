"""What the keeper looks for: jobs to announce, jobs without a living worker, unsettled ends."""

from collections.abc import Sequence
from datetime import datetime

from pymongo import ASCENDING, DESCENDING

from shared.contracts.ids import first_id_at
from shared.contracts.job import MOVES, Job, Move, Status
from shared.infrastructure.collections import JOBS
from shared.infrastructure.documents import from_document
from shared.infrastructure.mongo import Database, translated

_RUNNING = Status.RUNNING.value
_QUEUED = next(iter(MOVES[Move.CLAIM][0])).value


class JobRescue:
    """Queries over live jobs; each is bounded and served by an index."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]

    async def unpublished(
        self, *, queues: Sequence[str], tasks: Sequence[str], before: datetime, most: int
    ) -> list[tuple[str, str]]:
        """Return (queue, id) of runnable jobs older than `before` without a confirmed bell."""
        with translated():
            found = (
                await self._jobs.find(
                    {
                        "status": _QUEUED,
                        "published": False,
                        "queue": {"$in": list(queues)},
                        "task": {"$in": list(tasks)},
                        "_id": {"$lt": first_id_at(before)},
                    },
                    {"queue": 1},
                )
                .hint("backlog")
                .sort([("queue", ASCENDING), ("priority", DESCENDING), ("_id", ASCENDING)])
                .limit(most)
                .to_list(None)
            )
        return [(each["queue"], each["_id"]) for each in found]

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

    async def settled(self, ids: Sequence[str]) -> None:
        """Remember that the follow-ups of these jobs are done."""
        with translated():
            await self._jobs.update_many(
                {"_id": {"$in": list(ids)}, "unsettled": True}, {"$unset": {"unsettled": ""}}
            )
