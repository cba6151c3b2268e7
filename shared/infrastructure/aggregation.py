"""Aggregations, whose cursors the two drivers hand out differently."""

import inspect
from collections.abc import Sequence
from typing import Any

from shared.infrastructure.mongo import Document, translated


async def aggregated(collection: Any, stages: Sequence[Document]) -> list[Document]:
    """Return what the stages make of a collection."""
    with translated():
        cursor = collection.aggregate(list(stages))
        if inspect.isawaitable(cursor):  # PyMongo's is a coroutine, Motor's is the cursor
            cursor = await cursor
        found: list[Document] = await cursor.to_list(None)
    return found
