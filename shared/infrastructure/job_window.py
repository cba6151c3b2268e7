"""Which runnable jobs the broker has a bell for, and which of the others come next.

Only a bounded window of a band's jobs is announced at once; the rest waits in MongoDB, where it
costs the broker nothing. Every query is bounded and served by an index.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import ASCENDING

from shared.contracts.bands import band_of, parts_of
from shared.contracts.ids import first_id_at
from shared.contracts.moves import MOVES, Move
from shared.infrastructure.collections import BELLS, BY_ID, JOBS
from shared.infrastructure.mongo import Database, Document, translated

_QUEUED = next(iter(MOVES[Move.CLAIM][0])).value
_UNRUNG: Document = {"status": _QUEUED, "published": False}
_RUNG: Document = {"status": _QUEUED, "published": True}
_MOST_AT_ONCE = 500  # jobs of which the bands are looked up
_MOST_TASKS = 100  # in one query: MongoDB merges the order of up to 200 ranges of an index


class JobWindow:
    """Queries over runnable jobs, and the mark that their bell is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]

    async def bands_unrung(
        self, *, queues: Sequence[str], tasks: Sequence[str], before: datetime
    ) -> set[str]:
        """Return the bands of some runnable jobs older than `before` without a confirmed bell."""
        query = {"queue": {"$in": list(queues)}, "task": {"$in": list(tasks)}, **_older(before)}
        with translated():
            found = (
                await self._jobs.find({**_UNRUNG, **query}, {"queue": 1, "priority": 1, "_id": 0})
                .hint("runnable")
                .limit(_MOST_AT_ONCE)
                .to_list(None)
            )
        return {band_of(each["queue"], each["priority"]) for each in found}

    async def unrung(
        self, band: str, *, tasks: Sequence[str], before: datetime | None = None, most: int
    ) -> list[str]:
        """Return runnable jobs of these tasks without a confirmed bell, the oldest first."""
        found: list[Document] = []
        for start in range(0, len(tasks), _MOST_TASKS):
            chunk = list(tasks[start : start + _MOST_TASKS])
            query = {**_UNRUNG, **_of(band), "task": {"$in": chunk}, **_older(before)}
            with translated():
                found += (
                    await self._jobs.find(query, {"_id": 1})
                    .hint("runnable")
                    .sort("_id", ASCENDING)
                    .limit(most)
                    .to_list(None)
                )
        if len(tasks) > _MOST_TASKS:
            found.sort(key=lambda each: each["_id"])
        return [each["_id"] for each in found[:most]]

    async def rung(self, band: str, *, most: int) -> int:
        """Count the runnable jobs of a band whose bell the broker has confirmed, up to `most`."""
        command = {"count": JOBS, "query": {**_of(band), **_RUNG}, "hint": BELLS}
        with translated():
            reply = await self._database.command({**command, "limit": most})
        count: int = reply["n"]
        return count

    async def bands_rung(self) -> list[str]:
        """Return the bands of which the broker should hold anything, queue by queue."""
        bands: list[str] = []
        found = await self._first_rung({"queue": {"$type": "string"}})
        while found:
            queue, priority = found["queue"], found["priority"]
            bands.append(band_of(queue, priority))
            found = await self._first_rung({"queue": queue, "priority": {"$gt": priority}})
            found = found or await self._first_rung({"queue": {"$gt": queue}})
        return bands

    async def _first_rung(self, beyond: Document) -> Document | None:
        order = [("queue", ASCENDING), ("priority", ASCENDING)]
        with translated():
            found = (
                await self._jobs.find({**_RUNG, **beyond}, {"queue": 1, "priority": 1, "_id": 0})
                .hint(BELLS)
                .sort(order)
                .limit(1)
                .to_list(None)
            )
        return found[0] if found else None

    async def forget_bells(
        self,
        band: str | None = None,
        *,
        older_than: timedelta | None = None,
        rung_before: datetime | None = None,
        most: int,
    ) -> int:
        """Say that the bells of these jobs are lost, so that they are rung anew; return how many.

        Of every band if none is named. The ages are those of the bells' confirms.
        """
        query: Document = {
            **_RUNG,
            **(_of(band) if band else {}),
            **_rung_before(rung_before),
        }
        query |= _rung_longer_ago(older_than)
        with translated():
            found = await self._jobs.find(query, {"_id": 1}).hint(BELLS).limit(most).to_list(None)
            if not found:
                return 0
            outcome = await self._jobs.update_many(
                {**query, "_id": {"$in": [each["_id"] for each in found]}},
                {"$set": {"published": False}, "$unset": {"published_at": ""}},
                hint=BY_ID,
            )
        return outcome.modified_count

    async def has_old_bells(self, band: str, older_than: timedelta) -> bool:
        """Say whether some runnable job of a band had its bell confirmed longer ago than that."""
        query = {**_RUNG, **_of(band), **_rung_longer_ago(older_than)}
        with translated():
            found = await self._jobs.find(query, {"_id": 1}).hint(BELLS).limit(1).to_list(None)
        return bool(found)


def _of(band: str) -> Document:
    queue, priority = parts_of(band)
    return {"queue": queue, "priority": priority}


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
