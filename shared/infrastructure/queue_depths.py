"""How many jobs stand in each queue, how old they are, and who runs what.

Every query is bounded and served by an index: looking must not cost more the longer the backlog is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING

from shared.contracts.bands import PRIORITIES
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.record import record
from shared.infrastructure.aggregation import aggregated
from shared.infrastructure.collections import BELLS, JOBS
from shared.infrastructure.mongo import Database, Document, translated

MOST_COUNTED = 10_000
"""Where counting stops: a depth of this means that many, or more."""

_MOST_RECENT = 200  # ended jobs that are looked at for durations
_MOST_STEPS = 50  # from one task and priority to the next
_UNRUNG: Document = {"status": Status.QUEUED.value, "published": False}
_RUNG: Document = {"status": Status.QUEUED.value, "published": True}


@record
class Running:
    """A job that a worker runs now."""

    id: str
    task: str
    queue: str
    worker: str


class QueueDepths:
    """Counts jobs that have not ended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]

    async def queues(self) -> set[str]:
        """Return the queues in which runnable jobs stand."""
        return {
            queue
            for match, index in ((_UNRUNG, "runnable"), (_RUNG, BELLS))
            for queue in await self._names(match, index)
        }

    async def queued(self, queue: str) -> int:
        """Count the runnable jobs of a queue, up to `MOST_COUNTED`."""
        unrung = await self._count({"queue": queue, **_UNRUNG}, "runnable")
        rung = await self._count({"queue": queue, **_RUNG}, BELLS)
        return min(MOST_COUNTED, unrung + rung)

    async def oldest(self, queue: str) -> datetime | None:
        """Return since when the longest runnable job of those that could be next has been so.

        These are the one with the oldest bell of each priority, and of those without a bell the
        first of each task and priority.
        """
        found: list[Document] = []
        for priority in PRIORITIES:
            rung = {"queue": queue, "priority": priority, **_RUNG}
            found += await self._first(rung, BELLS, [("published_at", ASCENDING)])
        task, lowest = "", 0
        for _ in range(_MOST_STEPS):
            after: Document = {"task": task, "priority": {"$lt": lowest}}
            first = await self._first_unrung(queue, after) if lowest else []
            first = first or await self._first_unrung(queue, {"task": {"$gt": task}})
            if not first:
                break
            found += first
            task, lowest = first[0]["task"], first[0]["priority"]
        since: list[datetime] = [each.get("queued_at") or each["created_at"] for each in found]
        return min(since, default=None)

    async def _first_unrung(self, queue: str, after: Document) -> list[Document]:
        order = [("task", ASCENDING), ("priority", DESCENDING), ("_id", ASCENDING)]
        return await self._first({"queue": queue, **after, **_UNRUNG}, "runnable", order)

    async def ahead_of(self, job: Job) -> int:
        """Count the runnable jobs of its queue that come before a job, up to `MOST_COUNTED`.

        Higher priorities come first. Of the same, what has a bell comes first, in the order of
        the bells; then age decides.
        """
        more_urgent: Document = {"queue": job.queue, "priority": {"$gt": job.priority}}
        equal: Document = {"queue": job.queue, "priority": job.priority}
        counts = [
            await self._count(more_urgent | _RUNG, BELLS),
            await self._count(more_urgent | _UNRUNG, "runnable"),
        ]
        if job.published:
            earlier = {"published_at": {"$lt": job.published_at}}
            counts.append(await self._count(equal | _RUNG | earlier, BELLS))
        else:
            counts.append(await self._count(equal | _RUNG, BELLS))
            older = {"_id": {"$lt": job.id}}
            counts.append(await self._count(equal | _UNRUNG | older, "runnable"))
        return min(MOST_COUNTED, sum(counts))

    async def waiting(self) -> Mapping[str, int]:
        """Count waiting jobs by queue, looking at `MOST_COUNTED` of them at most."""
        stages: list[Document] = [
            {"$match": {"status": Status.WAITING.value}},
            {"$limit": MOST_COUNTED},
            {"$group": {"_id": "$queue", "n": {"$sum": 1}}},
        ]
        return {each["_id"]: each["n"] for each in await aggregated(self._jobs, stages)}

    async def running(self) -> list[Running]:
        """Return the jobs that run now, up to `MOST_COUNTED`."""
        shown = {"task": 1, "queue": 1, "claim.worker": 1}
        with translated():
            found = (
                await self._jobs.find({"status": Status.RUNNING.value}, shown)
                .limit(MOST_COUNTED)
                .to_list(None)
            )
        return [
            Running(
                id=each["_id"],
                task=each["task"],
                queue=each["queue"],
                worker=each["claim"]["worker"],
            )
            for each in found
        ]

    async def durations(self, queue: str) -> list[float]:
        """Return how many seconds the attempts of jobs of this queue took that ended of late."""
        shown = {"queue": 1, "started_at": 1, "finished_at": 1}
        with translated():
            found = (
                await self._jobs.find({"finished_at": {"$type": "date"}}, shown)
                .sort("finished_at", DESCENDING)
                .limit(_MOST_RECENT)
                .to_list(None)
            )
        return [
            (each["finished_at"] - each["started_at"]).total_seconds()
            for each in found
            if each["queue"] == queue and "started_at" in each
        ]

    async def _names(self, match: Document, index: str) -> list[str]:
        """Return the distinct queues, skipping through the index from one to the next."""
        names: list[str] = []
        while True:
            beyond: Document = {"$gt": names[-1]} if names else {"$type": "string"}
            found = await self._first({"queue": beyond, **match}, index, [("queue", ASCENDING)])
            if not found:
                return names
            names.append(found[0]["queue"])

    async def _first(self, match: Document, index: str, order: Any) -> list[Document]:
        shown = {"queue": 1, "task": 1, "priority": 1, "queued_at": 1, "created_at": 1}
        with translated():
            return (
                await self._jobs.find(match, shown).hint(index).sort(order).limit(1).to_list(None)
            )

    async def _count(self, match: Document, index: str) -> int:
        command = {"count": JOBS, "query": match, "hint": index, "limit": MOST_COUNTED}
        with translated():
            reply = await self._database.command(command)
        count: int = reply["n"]
        return count


def by_worker(running: Iterable[Running]) -> Mapping[str, list[Running]]:
    """Return what each worker runs."""
    found: defaultdict[str, list[Running]] = defaultdict(list)
    for each in running:
        found[each.worker].append(each)
    return found
