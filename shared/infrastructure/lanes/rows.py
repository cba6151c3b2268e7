"""How lanes lie in MongoDB, and how they change: a write names the holders that it was decided on.

There is no counter and no revision: the same holders are the same state, whoever was there between.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from pymongo import ASCENDING, DESCENDING

from shared.contracts.lanes import Admission, Holder, InLine, Lane
from shared.infrastructure.aggregation import aggregated
from shared.infrastructure.collections import BY_ID, IN_LANE, JOBS, LANES
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.writes import encoded, update_if_unchanged

_LINE = [("lane", ASCENDING), ("priority", DESCENDING), ("_id", ASCENDING)]
_FEW = 2  # lines, which are sooner read one by one than together
_SHOWN = ("lane", "version", "queue", "task", "priority", "key_limit", "tags", "keys")
_FIRST: Document = {name: {"$first": f"${name}"} for name in _SHOWN if name != "lane"}


class LaneRows:
    """Reads lanes and lines, and writes who holds what."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lanes = database[LANES]
        self._jobs = database[JOBS]

    async def lanes(self, keys: Sequence[str]) -> dict[str, Lane]:
        """Return the lanes of these keys, also those that were never used."""
        with translated():
            found = await self._lanes.find({"_id": {"$in": list(keys)}}).hint(BY_ID).to_list(None)
        known = {row["_id"]: lane_of(row) for row in found}
        return {key: known.get(key) or Lane(key=key, stored=False) for key in keys}

    async def first_in_line(self, keys: Sequence[str]) -> dict[str, list[InLine]]:
        """Return who is first in line for each of the keys, if anybody is.

        One look at the index for each key, however long the line is.
        """
        stages: list[Document] = [
            {"$match": {"lane": {"$in": list(keys)}}},
            {"$sort": dict(_LINE)},
            {"$group": {"_id": "$lane", "job": {"$first": "$_id"}, **_FIRST}},
        ]
        found = await aggregated(self._jobs, stages, hint=IN_LANE)
        return {row["_id"]: [_in_line(row["_id"], row["job"], row)] for row in found}

    async def line(self, key: str, *, most: int) -> list[InLine]:
        """Return the first in line for a key."""
        with translated():
            found = (
                await self._jobs.find({"lane": key}, dict.fromkeys(_SHOWN, 1))
                .hint(IN_LANE)
                .sort(_LINE)
                .limit(most)
                .to_list(None)
            )
        return [_in_line(key, row["_id"], row) for row in found]

    async def lines(self, room: Mapping[str, int]) -> dict[str, list[InLine]]:
        """Return the first in line for each key, up to as many as there is room for."""
        together = {key for key, most in room.items() if most == 1}
        if len(together) <= _FEW:
            together = set()
        apart = {key: most for key, most in room.items() if key not in together}
        found = await self.first_in_line(list(together)) if together else {}
        lines = await asyncio.gather(*(self.line(key, most=most) for key, most in apart.items()))
        return found | dict(zip(apart, lines, strict=True))

    async def write(self, admissions: Iterable[Admission]) -> bool:
        """Store lanes as they are decided on; say whether none had changed meanwhile.

        May be repeated: what was stored does not match any more.
        """
        statements = [encoded(_statement(each)) for each in admissions if each.changes]
        if not statements:
            return True
        applied = await update_if_unchanged(self._database, LANES, statements, durable=False)
        return applied.matched == len(statements)

    async def take_free(self, admissions: Sequence[Admission]) -> list[Admission]:
        """Store lanes that were decided on as if nobody held them; return those that were free."""
        statements = [encoded(_statement(each)) for each in admissions]
        applied = await update_if_unchanged(self._database, LANES, statements, durable=False)
        places = enumerate(admissions)
        return [each for place, each in places if place not in applied.kept_out]


def lane_of(row: Document) -> Lane:
    """Return the lane that a document holds."""
    return Lane(
        key=row["_id"],
        holders=tuple(Holder(**each) for each in row.get("holders", ())),
        held="held" in row,
    )


def _statement(admission: Admission) -> Document:
    before, after = admission.before, admission.after
    query: Document = {"_id": before.key, "holders": [_stored(each) for each in before.holders]}
    if any(each not in before.holders for each in after.holders):
        query["held"] = {"$exists": False}
    change: Document = {
        "$set": {"holders": [_stored(each) for each in after.holders]},
        "$currentDate": {"at": True},
    }
    return {"q": query, "u": change, "hint": BY_ID, "upsert": not before.stored}


def _stored(holder: Holder) -> Document:
    return {"job": holder.job, "turn": holder.turn, "limit": holder.limit}


def _in_line(key: str, job_id: str, row: Document) -> InLine:
    return InLine(
        id=job_id,
        key=key,
        version=row["version"],
        queue=row["queue"],
        task=row["task"],
        limit=row.get("key_limit") or 1,
        priority=row["priority"],
        tags=tuple(row.get("tags") or ()),
        keys=tuple(row.get("keys") or ()),
    )
