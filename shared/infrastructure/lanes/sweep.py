"""What nobody finished: holders that are over, lanes with room for those in line, empty lanes.

Each look is bounded, and goes on where the last one stopped.
"""

from datetime import UTC, datetime, timedelta

from pymongo import ASCENDING
from pymongo.read_concern import ReadConcern

from shared.contracts.job import Job
from shared.contracts.lanes import InLine, Lane, is_over, standing
from shared.contracts.record import record
from shared.infrastructure.aggregation import aggregated
from shared.infrastructure.collections import BY_ID, IN_LANE, JOBS, LANES
from shared.infrastructure.documents import from_document
from shared.infrastructure.lanes.rows import LaneRows, lane_of
from shared.infrastructure.mongo import Database, Document, translated

MOST = 1000
"""How many lanes one look covers."""

_KEPT = timedelta(minutes=1)  # an empty lane; that of a busy customer is soon needed again
_SHOWN = dict.fromkeys(
    (
        *("status", "version", "because", "lane", "keys", "key_limit"),
        *("task", "queue", "priority", "created_at", "tags"),
    ),
    1,
)


@record
class Stuck:
    """What a look has found."""

    over: dict[str, int]  # holders without a place, and the version at which that was seen
    keys: tuple[str, ...]  # their lanes
    let_in: tuple[InLine, ...]  # who hold the lane that they stand in line for
    seen: int  # lanes


class LaneSweep:
    """Finds lanes that do not stand as the jobs do."""

    def __init__(self, database: Database) -> None:
        self._lanes = database.get_collection(LANES, read_concern=ReadConcern("majority"))
        self._jobs = database.get_collection(JOBS, read_concern=ReadConcern("majority"))
        self._rows = LaneRows(database)
        self._after = ""  # the key at which the last look stopped
        self._beyond = ""  # the same of those in line

    async def holders(self) -> Stuck:
        """Look at the next lanes, and at the jobs that hold them."""
        with translated():
            rows = (
                await self._lanes.find({"_id": {"$gt": self._after}})
                .hint(BY_ID)
                .sort("_id", ASCENDING)
                .limit(MOST)
                .to_list(None)
            )
        self._after = rows[-1]["_id"] if len(rows) == MOST else ""
        await self._forget_empty(rows)
        lanes = [lane_of(row) for row in rows]
        return await self._compared(lanes)

    async def _compared(self, lanes: list[Lane]) -> Stuck:
        jobs = await self._jobs_of(sorted({h.job for lane in lanes for h in lane.holders}))
        over: dict[str, int] = {}
        keys: list[str] = []
        let_in: list[InLine] = []
        for lane in lanes:
            for holder in lane.holders:
                job = jobs.get(holder.job)
                version = is_over(holder, lane.key, job)
                if version is None:
                    continue
                if job is not None and job.lane == lane.key and job.version == holder.turn:
                    let_in.append(standing(job))
                elif holder.turn < version:
                    over[holder.job] = version
                    keys.append(lane.key)
        return Stuck(over=over, keys=tuple(keys), let_in=tuple(let_in), seen=len(lanes))

    async def _jobs_of(self, ids: list[str]) -> dict[str, Job]:
        if not ids:
            return {}
        with translated():
            found = await self._jobs.find({"_id": {"$in": ids}}, _SHOWN).hint(BY_ID).to_list(None)
        return {row["_id"]: from_document(row) for row in found}

    async def with_room(self) -> list[str]:
        """Return keys for which somebody stands in line although there is room."""
        stages: list[Document] = [
            {"$match": {"lane": {"$gt": self._beyond}}},
            {"$sort": {"lane": 1, "priority": -1, "_id": 1}},
            {"$group": {"_id": "$lane", "limit": {"$first": "$key_limit"}}},
            {"$sort": {"_id": 1}},
            {"$limit": MOST},
        ]
        found = await aggregated(self._jobs, stages, hint=IN_LANE)
        self._beyond = found[-1]["_id"] if len(found) == MOST else ""
        limits = {row["_id"]: row["limit"] or 1 for row in found}
        lanes = await self._rows.lanes(list(limits)) if limits else {}
        return [key for key, lane in lanes.items() if lane.admits(limits[key])]

    async def _forget_empty(self, rows: list[Document]) -> None:
        """Remove lanes that nobody has held for a while; they come back when they are needed."""
        since = datetime.now(UTC) - _KEPT
        old = [row["_id"] for row in rows if row.get("at", since) < since and not row["holders"]]
        if old:
            empty: Document = {"holders": [], "held": {"$exists": False}}
            with translated():
                await self._lanes.delete_many({"_id": {"$in": old}, **empty}, hint=BY_ID)
