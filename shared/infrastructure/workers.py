"""Who is alive: one row for each worker process, with a lease that a heartbeat renews.

Every comparison of instants is made by the database, in its own clock (`$$NOW`).
"""

from dataclasses import asdict, dataclass
from datetime import timedelta

from shared.infrastructure.collections import WORKERS
from shared.infrastructure.mongo import Database, Document, literal, translated

LIVE_STATES = ("running", "draining")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """What a worker process says of itself when it starts."""

    id: str  # new for each process start, so that no row can outlive its process
    host: str
    pid: int
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int


def enlist(row: WorkerRow, lease: timedelta) -> list[Document]:
    """Return the pipeline that stores a new row with a fresh lease."""
    stored = {name: literal(value) for name, value in asdict(row).items() if name != "id"}
    return [
        {
            "$set": {
                **stored,
                "state": {"$ifNull": ["$state", "running"]},  # an order to drain is not undone
                "started_at": "$$NOW",
                "beat_at": "$$NOW",
                "lease_until": _from_now(lease),
            }
        }
    ]


def renew(lease: timedelta, counts: Document) -> list[Document]:
    """Return the pipeline of one heartbeat."""
    return [
        {
            "$set": {
                "beat_at": "$$NOW",
                "lease_until": _from_now(lease),
                "counts": literal(counts),
            }
        }
    ]


class Workers:
    """The rows as the keeper, the supervisor and the gateway see them."""

    def __init__(self, database: Database) -> None:
        self._rows = database[WORKERS]

    async def set_state(self, worker: str, state: str) -> bool:
        """Say that a worker drains or has stopped by itself; return whether it was alive."""
        changes: list[Document] = [{"$set": {"state": literal(state)}}]
        if state not in LIVE_STATES:
            changes.append({"$set": {"gone_at": "$$NOW"}})
        with translated():
            outcome = await self._rows.update_one(
                {"_id": worker, "state": {"$in": list(LIVE_STATES)}}, changes
            )
        return bool(outcome.matched_count)

    async def is_draining(self, worker: str) -> bool:
        """Say whether somebody wants this worker to take no more jobs."""
        with translated():
            row = await self._rows.find_one({"_id": worker}, {"state": 1})
        return row is not None and row["state"] == "draining"

    async def bury(self, worker: str) -> bool:
        """Declare a worker dead, whatever its lease says; say whether it was not before."""
        with translated():
            outcome = await self._rows.update_one(
                {"_id": worker, "state": {"$in": list(LIVE_STATES)}},
                [{"$set": {"state": "dead", "gone_at": "$$NOW"}}],
            )
        return bool(outcome.matched_count)

    async def bury_expired(self) -> list[str]:
        """Declare dead each worker whose lease has run out; return them."""
        expired: Document = {
            "state": {"$in": list(LIVE_STATES)},
            # A missing lease would compare as the smallest value, hence the type.
            "lease_until": {"$type": "date"},
            "$expr": {"$lt": ["$lease_until", "$$NOW"]},
        }
        buried: list[str] = []
        with translated():
            for row in await self._rows.find(expired, {"_id": 1}).to_list(None):
                outcome = await self._rows.update_one(
                    {"_id": row["_id"], **expired},
                    [{"$set": {"state": "dead", "gone_at": "$$NOW"}}],
                )
                if outcome.matched_count:
                    buried.append(row["_id"])
        return buried

    async def live(self) -> list[Document]:
        """Return the rows of all workers that have not stopped and were not declared dead."""
        with translated():
            return await self._rows.find({"state": {"$in": list(LIVE_STATES)}}).to_list(None)


def _from_now(lease: timedelta) -> Document:
    return {"$add": ["$$NOW", int(lease.total_seconds() * 1000)]}
