"""Which runnable jobs the broker has a bell for, and which of the others come next.

Only a bounded window of a queue's jobs is announced at once; the rest waits in MongoDB, where it
costs the broker nothing and priorities still count. Every query is bounded and served by an index.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import ASCENDING, DESCENDING

from shared.contracts.ids import first_id_at
from shared.contracts.job import MOVES, Move
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.mongo import Database, Document, translated

_QUEUED = next(iter(MOVES[Move.CLAIM][0])).value
_UNRUNG: Document = {"status": _QUEUED, "published": False}
_RUNG: Document = {"status": _QUEUED, "published": True}
_MOST_TASKS = 100  # in one query: MongoDB merges the order of up to 200 ranges of an index


class JobWindow:
    """Queries over runnable jobs, and the mark that their bell is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]

    async def has_unrung(
        self, *, queues: Sequence[str], tasks: Sequence[str], before: datetime
    ) -> bool:
        """Say whether some runnable job older than `before` has no confirmed bell."""
        query = {"queue": {"$in": list(queues)}, "task": {"$in": list(tasks)}, **_older(before)}
        with translated():
            found = (
                await self._jobs.find({**_UNRUNG, **query}, {"_id": 1})
                .hint("runnable")
                .limit(1)
                .to_list(None)
            )
        return bool(found)

    async def unrung(
        self, queue: str, *, tasks: Sequence[str], before: datetime | None = None, most: int
    ) -> list[str]:
        """Return runnable jobs of these tasks without a confirmed bell, the next to run first."""
        found: list[Document] = []
        for start in range(0, len(tasks), _MOST_TASKS):
            chunk = list(tasks[start : start + _MOST_TASKS])
            query = {**_UNRUNG, "queue": queue, "task": {"$in": chunk}, **_older(before)}
            with translated():
                found += (
                    await self._jobs.find(query, {"priority": 1})
                    .hint("runnable")
                    .sort([("priority", DESCENDING), ("_id", ASCENDING)])
                    .limit(most)
                    .to_list(None)
                )
        if len(tasks) > _MOST_TASKS:
            found.sort(key=lambda each: (-each["priority"], each["_id"]))
        return [each["_id"] for each in found[:most]]

    async def rung(self, queue: str, *, most: int) -> int:
        """Count the runnable jobs of a queue whose bell the broker has confirmed, up to `most`."""
        command = {"count": JOBS, "query": {"queue": queue, **_RUNG}, "hint": "window"}
        with translated():
            reply = await self._database.command({**command, "limit": most})
        count: int = reply["n"]
        return count

    async def queues_rung(self) -> list[str]:
        """Return the queues of which the broker should hold anything, in order of their names."""
        queues: list[str] = []
        while True:
            beyond = {"queue": {"$gt": queues[-1]}} if queues else {"queue": {"$type": "string"}}
            with translated():
                found = (
                    await self._jobs.find({**_RUNG, **beyond}, {"queue": 1, "_id": 0})
                    .hint("window")
                    .sort("queue", ASCENDING)
                    .limit(1)
                    .to_list(None)
                )
            if not found:
                return queues
            queues.append(found[0]["queue"])

    async def forget_bells(
        self,
        queue: str | None = None,
        *,
        older_than: timedelta | None = None,
        rung_before: datetime | None = None,
        most: int,
    ) -> int:
        """Say that the bells of these jobs are lost, so that they are rung anew; return how many.

        Of every queue if none is named. The ages are those of the bells' confirms.
        """
        query: Document = {
            **_RUNG,
            **({"queue": queue} if queue else {}),
            **_rung_before(rung_before),
        }
        query |= _rung_longer_ago(older_than)
        with translated():
            found = (
                await self._jobs.find(query, {"_id": 1}).hint("window").limit(most).to_list(None)
            )
            if not found:
                return 0
            outcome = await self._jobs.update_many(
                {**query, "_id": {"$in": [each["_id"] for each in found]}},
                {"$set": {"published": False}, "$unset": {"published_at": ""}},
                hint=BY_ID,
            )
        return outcome.modified_count

    async def has_old_bells(self, queue: str, older_than: timedelta) -> bool:
        """Say whether some runnable job of a queue had its bell confirmed longer ago than that."""
        query = {**_RUNG, "queue": queue, **_rung_longer_ago(older_than)}
        with translated():
            found = await self._jobs.find(query, {"_id": 1}).hint("window").limit(1).to_list(None)
        return bool(found)


def _older(before: datetime | None) -> Document:
    return {"_id": {"$lt": first_id_at(before)}} if before else {}


def _rung_before(instant: datetime | None) -> Document:
    return {"published_at": {"$lt": instant}} if instant else {}


def _rung_longer_ago(age: timedelta | None) -> Document:
    """Match old bells; also those of which nobody noted when they were confirmed."""
    if age is None:
        return {}
    milliseconds = round(age.total_seconds() * 1000)
    return {"$expr": {"$lt": ["$published_at", {"$subtract": ["$$NOW", milliseconds]}]}}
