"""Leases by name in MongoDB: at most one process at a time holds each, by the database's clock.

A lease saves work and proves nothing: what its holder does must be safe to be done by two.
"""

from datetime import timedelta

from pymongo import ReturnDocument

from shared.infrastructure.collections import LEASES
from shared.infrastructure.mongo import Database, Document, literal, translated

KEEPER = "keeper"
"""The lease of the keeper that leads."""


class Leases:
    """Takes, renews and returns leases."""

    def __init__(self, database: Database) -> None:
        self._rows = database[LEASES]

    async def take(
        self, name: str, holder: str, lasts: timedelta, *, note: Document | None = None
    ) -> bool:
        """Take a lease that is free, or renew one's own; say whether `holder` has it now.

        `note` is what the holder says of itself; it stays in the row for others to read.
        """
        until = {"$add": ["$$NOW", int(lasts.total_seconds() * 1000)]}
        ours, free = {"$eq": ["$holder", literal(holder)]}, {"$lte": ["$until", "$$NOW"]}
        said = {"holder": literal(holder), "until": until, "note": literal(note or {})}
        with translated():
            # One that somebody else holds is left as it is, and so nothing is written.
            row = await self._rows.find_one_and_update(
                {"_id": name},
                [
                    {
                        "$replaceWith": {
                            "$cond": [{"$or": [ours, free]}, {"_id": name, **said}, "$$ROOT"]
                        }
                    }
                ],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return row is not None and row["holder"] == holder

    async def release(self, name: str, holder: str) -> None:
        """Let the next one have the lease at once, if it is still ours."""
        with translated():
            await self._rows.update_one(
                {"_id": name, "holder": holder}, [{"$set": {"until": "$$NOW", "holder": None}}]
            )

    async def read(self, name: str) -> Document | None:
        """Return the row of a lease: `holder`, `until`, `note` and `ended_s`, its age if over."""
        ended = {"$divide": [{"$subtract": ["$$NOW", "$until"]}, 1000]}
        with translated():
            return await self._rows.find_one(
                {"_id": name}, {"holder": 1, "until": 1, "note": 1, "ended_s": ended}
            )
