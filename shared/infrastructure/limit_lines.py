"""The lines in front of limits: jobs that wait for their turn, by priority and then by age."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import ASCENDING, DESCENDING

from shared.contracts.bands import PRIORITIES, band_of
from shared.contracts.events import Hint
from shared.contracts.gates import FOR_KEY
from shared.contracts.job import Job
from shared.contracts.moves import MOVES, Move
from shared.contracts.record import record
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.mongo import Database, Document, literal, translated
from shared.infrastructure.writes import encoded, update

_INDEX = "lines"
_WAITING: Document = {"status": MOVES[Move.STAND_IN_LINE][1].value, "because": "limit"}
_CALLED: Document = {"status": MOVES[Move.OPEN][1].value}
_ORDER = [("priority", DESCENDING), ("_id", ASCENDING)]
_SHOWN = {"task": 1, "queue": 1, "priority": 1, "tags": 1, "limits": 1, "keys": 1}


@record
class InLine:
    """A job that stands in line."""

    id: str
    task: str
    queue: str
    priority: int
    tags: tuple[str, ...]
    cost: float  # what it takes from the limit of this line
    keys: tuple[str, ...] = ()

    @property
    def band(self) -> str:
        """Return the stream in which its bell is rung: one above its own.

        In its own it would stand behind jobs that came after it, and its turn would lapse.
        """
        return band_of(self.queue, min(self.priority + 1, PRIORITIES[0]))

    def hint(self, event: str) -> Hint:
        """Return the hint that it has changed."""
        return Hint(self.id, event, self.task, self.queue, self.tags, self.keys)


class LimitLines:
    """Looks into lines, and calls who is next. Every query is bounded and served by an index."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]

    async def names(self) -> list[str]:
        """Return every limit that has a line, in order of their names."""
        names: list[str] = []
        while True:
            beyond = {"$gt": names[-1]} if names else {"$type": "string"}
            with translated():
                found = (
                    await self._jobs.find({**_WAITING, "line": beyond}, {"line": 1, "_id": 0})
                    .hint(_INDEX)
                    .sort("line", ASCENDING)
                    .limit(1)
                    .to_list(None)
                )
            if not found:
                return names
            names.append(found[0]["line"])

    async def first(self, name: str, *, most: int) -> list[InLine]:
        """Return the jobs at the head of a line, the next one first."""
        with translated():
            found = (
                await self._jobs.find({**_WAITING, "line": {"$eq": name}}, _SHOWN)
                .hint(_INDEX)
                .sort(_ORDER)
                .limit(most)
                .to_list(None)
            )
        return [_in_line(each, name) for each in found]

    async def call(self, name: str, ids: Sequence[str]) -> int:
        """Make jobs runnable whose turn comes; return how many of them still stood in this line."""
        runnable = {**_CALLED, "queued_at": "$$NOW", "published": False}
        return await self._leave(name, ids, runnable, gone=["due_at", "because", "turn_at"])

    async def call_to_their_lanes(self, name: str, ids: Sequence[str]) -> int:
        """The same for jobs with keys: they stand in line for these now, and pass the limit's."""
        first: Document = {"because": literal(FOR_KEY), "lane": {"$first": "$keys"}}
        return await self._leave(name, ids, first, gone=["turn_at"])

    async def _leave(
        self, name: str, ids: Sequence[str], changes: Document, *, gone: list[str]
    ) -> int:
        """Change those of the jobs that still stand in this line; return how many did."""
        changes = {**changes, "version": {"$add": ["$version", 1]}}
        with translated():
            outcome = await self._jobs.update_many(
                {"_id": {"$in": list(ids)}, **_WAITING, "line": {"$eq": name}},
                [{"$set": changes}, {"$unset": gone}],
                hint=BY_ID,
            )
        return outcome.modified_count

    async def called(self, name: str, *, within: timedelta, most: int) -> int:
        """Count jobs that were called not longer ago than that and that nobody has claimed yet."""
        since = {"$subtract": ["$$NOW", round(within.total_seconds() * 1000)]}
        query = {**_CALLED, "line": {"$eq": name}, "$expr": {"$gte": ["$queued_at", since]}}
        with translated():
            found = await self._jobs.find(query, {"_id": 1}).hint(_INDEX).limit(most).to_list(None)
        return len(found)

    async def runnable(self, name: str, *, most: int) -> list[InLine]:
        """Return jobs that take from a limit, may run, and have not been in its line; oldest first.

        Jobs whose bell is on its way are among them, those that hold a lane are not.
        """
        query: Document = {**_CALLED, "limits.name": {"$eq": name}, "line": None, "keys": None}
        with translated():
            found = (
                await self._jobs.find(query, _SHOWN)
                .hint("limited")
                .sort("_id", ASCENDING)
                .limit(most)
                .to_list(None)
            )
        return [_in_line(each, name) for each in found]

    async def join(self, name: str, turns: Sequence[tuple[str, datetime]]) -> int:
        """Let runnable jobs stand in line, each until about its turn; return how many did."""
        statements = [
            encoded(
                {
                    "q": {"_id": job_id, **_CALLED, "line": None},
                    "u": {
                        "$set": {**_WAITING, "line": name, "turn_at": at, "published": False},
                        "$unset": {"published_at": ""},
                        "$inc": {"version": 1},  # safe: the filter pins the status
                    },
                    "hint": BY_ID,
                }
            )
            for job_id, at in turns
        ]
        return await update(self._database, JOBS, statements)

    async def waiting(self, name: str, *, most: int) -> int:
        """Count the jobs in a line, up to `most`."""
        return await self._count({**_WAITING, "line": {"$eq": name}}, most=most)

    async def ahead_of(self, job: Job, *, most: int) -> int:
        """Count the jobs that stand before one in its line, up to `most`."""
        line: Document = {**_WAITING, "line": {"$eq": job.line}}
        higher = {**line, "priority": {"$gt": job.priority}}
        count = await self._count(higher, most=most)
        if count >= most:
            return most
        earlier = {**line, "priority": job.priority, "_id": {"$lt": job.id}}
        return count + await self._count(earlier, most=most - count)

    async def _count(self, query: Document, *, most: int) -> int:
        command = {"count": JOBS, "query": query, "hint": _INDEX, "limit": most}
        with translated():
            reply = await self._database.command(command)
        count: int = reply["n"]
        return count


def _in_line(found: Document, name: str) -> InLine:
    costs = [each["cost"] for each in found.get("limits", ()) if each["name"] == name]
    return InLine(
        id=found["_id"],
        task=found["task"],
        queue=found["queue"],
        priority=found["priority"],
        tags=tuple(found.get("tags", ())),
        cost=sum(costs) or 1.0,
        keys=tuple(found.get("keys", ())),
    )
