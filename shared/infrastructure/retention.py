"""Forgetting ended jobs: by age, or because somebody asked. What is gone answers 410 for a week."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pymongo import ASCENDING

from shared.contracts.moves import ENDS
from shared.infrastructure.collections import BY_ID, JOBS, LOGS, TOMBSTONES
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.writes import encoded, insert

MOST = 1000
"""How many jobs one call forgets at most."""

_ENDED: Document = {
    "status": {"$in": sorted(ENDS)},
    "unsettled": {"$ne": True},
    "workflow_id": None,  # these go together: see WorkflowRetention
}


class Retention:
    """Removes ended jobs: a tombstone first, then the log lines, then the job itself.

    Whoever is cut off in between has left a job that the next call removes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]

    async def forget(self, ids: Sequence[str]) -> int:
        """Remove those of the jobs that have ended and whose follow-ups are done; say how many."""
        forgotten = 0
        for start in range(0, len(ids), MOST):
            forgotten += await self._forget(list(ids[start : start + MOST]))
        return forgotten

    async def ended_before(
        self, age: timedelta, *, since: datetime | None, most: int = MOST
    ) -> list[tuple[str, datetime]]:
        """Return (id, end) of jobs that ended longer ago than `age`, the oldest end first.

        Jobs with a retention of their own are left out; `since` skips what was looked at before.
        """
        ended: Document = {"finished_at": {"$gte": since}} if since else _any_end()
        return await self._find({**ended, "retention_s": None, **_older_than(age)}, most)

    async def past_their_own(self, retention_s: float, *, most: int = MOST) -> list[str]:
        """Return jobs that ask for this retention and have had it."""
        age = timedelta(seconds=retention_s)
        found = await self._find(
            {"retention_s": retention_s, **_any_end(), **_older_than(age)}, most, hint="kept"
        )
        return [job_id for job_id, _ in found]

    async def next_of_their_own(self, after: float) -> float | None:
        """Return the shortest retention above `after` that some job asks for."""
        with translated():
            found = (
                await self._jobs.find({"retention_s": {"$gt": after}}, {"retention_s": 1})
                .hint("kept")
                .sort("retention_s", ASCENDING)
                .limit(1)
                .to_list(None)
            )
        return found[0]["retention_s"] if found else None

    async def _find(
        self, query: Document, most: int, *, hint: str = "finished_at_1"
    ) -> list[tuple[str, datetime]]:
        with translated():
            found = (
                await self._jobs.find({**query, **_ENDED}, {"finished_at": 1})
                .hint(hint)
                .sort("finished_at", ASCENDING)
                .limit(most)
                .to_list(None)
            )
        return [(each["_id"], each["finished_at"]) for each in found]

    async def _forget(self, ids: list[str]) -> int:
        with translated():
            found = await self._jobs.find({"_id": {"$in": ids}, **_ENDED}, {"_id": 1}).to_list(None)
            gone = [each["_id"] for each in found]
            if not gone:
                return 0
            await self._bury(gone)
            await self._database[LOGS].delete_many({"job_id": {"$in": gone}})
            outcome = await self._jobs.delete_many({"_id": {"$in": gone}, **_ENDED}, hint=BY_ID)
            if outcome.deleted_count < len(gone):
                await self._unbury_the_living(gone)
        return outcome.deleted_count

    async def _bury(self, ids: list[str]) -> None:
        now = datetime.now(UTC)
        stones = [encoded({"_id": job_id, "at": now}) for job_id in ids]
        await insert(self._database, TOMBSTONES, stones)

    async def _unbury_the_living(self, ids: list[str]) -> None:
        """Somebody wanted another run of some of them meanwhile."""
        living = await self._jobs.find({"_id": {"$in": ids}}, {"_id": 1}).to_list(None)
        await self._database[TOMBSTONES].delete_many({"_id": {"$in": [e["_id"] for e in living]}})


def _any_end() -> Document:
    """Match what has an end at all: a missing one would compare as the smallest value."""
    return {"finished_at": {"$type": "date"}}


def _older_than(age: timedelta) -> Document:
    milliseconds = int(age.total_seconds() * 1000)
    return {"$expr": {"$lt": ["$finished_at", {"$subtract": ["$$NOW", milliseconds]}]}}
