"""Watching what the server does: which plans it chooses, and how much it looks at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.infrastructure.mongo import Database, Document


@asynccontextmanager
async def profiled(database: Database, collection: str) -> AsyncIterator[list[Document]]:
    """Collect what the server did to a collection, with the plans that it chose."""
    seen: list[Document] = []
    await database.drop_collection("system.profile")
    await database.command({"profile": 2})
    try:
        yield seen
    finally:
        await database.command({"profile": 0})
        seen += (
            await database["system.profile"]
            .find({"ns": f"{database.name}.{collection}", "op": {"$ne": "insert"}})
            .to_list(None)
        )
