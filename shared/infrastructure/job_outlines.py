"""Many jobs at once, without what may be large in them: enough to decide what to do with each."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.read_concern import ReadConcern

from shared.contracts.job import Job
from shared.infrastructure.aggregation import aggregated
from shared.infrastructure.collections import JOBS
from shared.infrastructure.documents import from_document
from shared.infrastructure.mongo import Database, Document

_HAS_RESULT = {"$ne": [{"$type": "$result"}, "missing"]}
_OUTLINE: list[Document] = [
    {"$unset": ["input", "metadata"]},
    # A move that takes the result away must see that there is one.
    {"$set": {"result": {"$cond": [_HAS_RESULT, "null", "$$REMOVE"]}}},
]


class JobOutlines:
    """Reads jobs whose input and metadata look empty, and whose result, if any, looks like null."""

    def __init__(self, database: Database) -> None:
        self._jobs = database.get_collection(JOBS, read_concern=ReadConcern("majority"))

    async def get(self, ids: Sequence[str]) -> list[Job]:
        """Return those of the jobs that exist, oldest first."""
        return await self._read({"_id": {"$in": list(ids)}}, most=len(ids))

    async def page(self, filters: Mapping[str, Any], *, after: str | None, most: int) -> list[Job]:
        """Return up to `most` jobs that match, oldest first, beyond the id `after`."""
        beyond = [] if after is None else [{"_id": {"$gt": after}}]
        return await self._read({"$and": [dict(filters), *beyond]}, most=most)

    async def _read(self, query: Document, *, most: int) -> list[Job]:
        stages: list[Document] = [
            {"$match": query},
            {"$sort": {"_id": 1}},
            {"$limit": max(1, most)},
            *_OUTLINE,
        ]
        return list(map(from_document, await aggregated(self._jobs, stages)))
