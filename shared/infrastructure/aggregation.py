"""Aggregations, whose cursors the two drivers hand out differently."""

import inspect
from collections.abc import Sequence
from typing import Any

from shared.infrastructure.mongo import Document, translated


async def aggregated(
    collection: Any, stages: Sequence[Document], *, hint: str | None = None
) -> list[Document]:
    """Return what the stages make of a collection, by way of the index `hint` if it is given."""
    options = {} if hint is None else {"hint": hint}
    with translated():
        cursor = collection.aggregate(list(stages), **options)
        if inspect.isawaitable(cursor):  # PyMongo's is a coroutine, Motor's is the cursor
            cursor = await cursor
        found: list[Document] = await cursor.to_list(None)
    return found
