"""Jobs and their instants: which are due soon, opening what is due, expiring what is too late.

Every comparison is made by the database, in its own clock (`$$NOW`).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pymongo import ASCENDING

from shared.contracts.bands import band_of
from shared.contracts.events import Hint
from shared.contracts.gates import FOR_KEY
from shared.contracts.moves import MOVES, Move
from shared.contracts.record import record
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.mongo import Database, Document, literal, translated

_WAITING = next(iter(MOVES[Move.OPEN][0])).value
_UNBEGUN = ["queued", "waiting"]  # no attempt is under way: what may expire by itself
_UNAWAITED = {"$nor": [{"because": "jobs", "starts": {"$gt": 0}}]}  # it has run, and has grown
_GATES = ("due_at", "because", "lane", "line", "turn_at")
_SHOWN = dict.fromkeys(("task", "queue", "priority", "tags", "keys", "when_busy"), 1)


@record
class Timed:
    """A job whose instant comes, or has come."""

    id: str
    task: str
    queue: str
    tags: tuple[str, ...]
    priority: int
    comes_in: timedelta  # by the database's clock, when it was asked; negative if it is past
    keys: tuple[str, ...] = ()
    when_busy: str | None = None

    @property
    def band(self) -> str:
        """Return the stream of bells to which it belongs."""
        return band_of(self.queue, self.priority)

    def hint(self, event: str) -> Hint:
        """Return the hint that this job has changed."""
        return Hint(self.id, event, self.task, self.queue, self.tags, self.keys)


class JobTimes:
    """Finds jobs by their instants, and moves them on. Each write may be repeated."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]

    async def due_within(self, ahead: timedelta, *, most: int) -> list[Timed]:
        """Return jobs whose time gate opens before `ahead` has passed, the earliest first."""
        query = {"status": _WAITING, **_before("due_at", ahead)}
        return await self._find("due_at", query, "due", most)

    async def open(self, ids: Sequence[str]) -> int:
        """Make those of the jobs runnable that are due; return how many that were."""
        query = {"_id": {"$in": list(ids)}, "status": _WAITING, **_before("due_at")}
        return await self._move(Move.OPEN, query, {"queued_at": "$$NOW", "published": False})

    async def line_up(self, ids: Sequence[str]) -> int:
        """Let those of the jobs that are due stand in line for their keys; return how many."""
        query = {"_id": {"$in": list(ids)}, "status": _WAITING, **_before("due_at")}
        return await self._move(
            Move.LINE_UP, query, {"lane": {"$first": "$keys"}, "because": literal(FOR_KEY)}
        )

    async def expiring(self, *, most: int) -> list[Timed]:
        """Return jobs that have not begun in time, the latest first."""
        query = {"status": {"$in": _UNBEGUN}, **_UNAWAITED, **_before("expires_at")}
        return await self._find("expires_at", query, "expiring", most)

    async def expire(self, ids: Sequence[str]) -> int:
        """End those of the jobs that may not begin any more; return how many that were."""
        query = {
            "_id": {"$in": list(ids)},
            "status": {"$in": _UNBEGUN},
            **_UNAWAITED,
            **_before("expires_at"),
        }
        return await self._move(Move.EXPIRE, query, {"finished_at": "$$NOW", "unsettled": True})

    async def late_to_open(self, by: timedelta, *, most: int) -> int:
        """Count jobs that should have been opened longer ago than `by`."""
        return len(
            await self._find("due_at", {"status": _WAITING, **_before("due_at", -by)}, "due", most)
        )

    async def _find(self, name: str, query: Document, index: str, most: int) -> list[Timed]:
        comes_in = {"$subtract": [f"${name}", "$$NOW"]}
        with translated():
            found = (
                await self._jobs.find(query, {**_SHOWN, "comes_in": comes_in})
                .hint(index)
                .sort(name, ASCENDING)
                .limit(most)
                .to_list(None)
            )
        return list(map(_timed, found))

    async def _move(self, move: Move, query: Document, changes: Document) -> int:
        gone = [name for name in _GATES if name not in changes]
        stored = {"status": MOVES[move][1].value, "version": {"$add": ["$version", 1]}, **changes}
        with translated():
            outcome = await self._jobs.update_many(
                query, [{"$set": stored}, {"$unset": gone}], hint=BY_ID
            )
        return outcome.modified_count


def _before(name: str, ahead: timedelta = timedelta()) -> Document:
    """Match an instant that has come, or comes within `ahead`; never a missing one."""
    milliseconds = round(ahead.total_seconds() * 1000)
    limit = {"$add": ["$$NOW", milliseconds]} if milliseconds else "$$NOW"
    return {name: {"$type": "date"}, "$expr": {"$lte": [f"${name}", limit]}}


def _timed(found: dict[str, Any]) -> Timed:
    return Timed(
        id=found["_id"],
        task=found["task"],
        queue=found["queue"],
        tags=tuple(found.get("tags", ())),
        priority=found["priority"],
        keys=tuple(found.get("keys", ())),
        when_busy=found.get("when_busy"),
        comes_in=timedelta(milliseconds=found["comes_in"]),
    )
