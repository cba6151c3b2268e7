"""Which job holds a slot, taking it from one that does not count any more, and forgetting results.

A job and its slot are one document, so no crash can leave the one without the other.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pymongo.read_concern import ReadConcern

from shared.contracts.job import Job
from shared.infrastructure.aggregation import aggregated
from shared.infrastructure.collections import BY_ID, HELD_SLOTS, JOBS
from shared.infrastructure.documents import from_document
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.shared_reads import SharedReads

_CACHED = "c:"
_BEYOND = "~"  # sorts behind everything that a slot may go on with
_MOST_AT_ONCE = 500
_GIVEN_UP: Document = {"$unset": {"slot.held": ""}}


class Held(NamedTuple):
    """A job as it was at an instant of the database's clock."""

    job: Job
    now: datetime


class JobSlots:
    """Reads what a majority has acknowledged; look-ups that arrive together share a query."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]
        self._read = database.get_collection(JOBS, read_concern=ReadConcern("majority"))
        self._holders = SharedReads(self._held)
        self._by_id = SharedReads(self._with_ids)

    async def holder(self, name: str) -> Held | None:
        """Return the job that holds a slot."""
        return await self._holders.get(name)

    async def get(self, job_id: str) -> Held | None:
        """Return a job, whatever it holds."""
        return await self._by_id.get(job_id)

    async def release(self, holder: Job) -> None:
        """Take the slot from a job, unless it has changed since it was read."""
        assert holder.slot is not None
        as_it_was = {"status": holder.status.value, "version": holder.version}
        with translated():
            await self._jobs.update_one(
                {"_id": holder.id, "slot.held": holder.slot.name, **as_it_was},
                _GIVEN_UP,
                hint=BY_ID,
            )

    async def forget(self, *, prefix: str | None = None, tag: str | None = None) -> int:
        """Take their slots from cached calls, ended or under way; return from how many.

        `prefix` is what the slots begin with, `tag` one that their jobs have.
        """
        begins = prefix or _CACHED
        query: Document = {"slot.held": {"$gte": begins, "$lt": begins + _BEYOND}}
        hint = HELD_SLOTS
        if tag is not None:
            query["tags"], hint = {"$eq": tag}, "tagged"
        with translated():
            outcome = await self._jobs.update_many(query, _GIVEN_UP, hint=hint)
        return outcome.modified_count

    async def _held(self, names: Iterable[str]) -> dict[str, Held]:
        found = await self._find("slot.held", list(names), HELD_SLOTS)
        return {held.job.slot.held: held for held in found if held.job.slot and held.job.slot.held}

    async def _with_ids(self, ids: Iterable[str]) -> dict[str, Held]:
        return {held.job.id: held for held in await self._find("_id", list(ids), BY_ID)}

    async def _find(self, field: str, values: Sequence[str], index: str) -> list[Held]:
        found: list[Document] = []
        for start in range(0, len(values), _MOST_AT_ONCE):
            stages: list[dict[str, Any]] = [
                {"$match": {field: {"$in": values[start : start + _MOST_AT_ONCE]}}},
                {"$set": {"now": "$$NOW"}},
            ]
            found += await aggregated(self._read, stages, hint=index)
        return [Held(now=each.pop("now"), job=from_document(each)) for each in found]
