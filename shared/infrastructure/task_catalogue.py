"""The catalogue in MongoDB: workers declare their tasks, gateways read all of them.

Schemas and examples are stored as JSON text: their keys ("$defs", "$ref") are not for a database.
"""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import orjson
from pymongo import UpdateOne

from shared.contracts.catalogue import TaskEntry
from shared.infrastructure.collections import TASKS
from shared.infrastructure.mongo import Database, Document, translated

_AS_TEXT = ("input_schema", "output_schema", "examples")
_FIELDS = [f.name for f in fields(TaskEntry)]


class TaskCatalogue:
    """Reads and writes task entries. The newest declaration of a name wins."""

    def __init__(self, database: Database) -> None:
        self._entries = database[TASKS]

    async def declare(self, entries: Iterable[TaskEntry]) -> None:
        """Store what these tasks look like."""
        writes = [
            UpdateOne(
                {"_id": entry.name},
                {"$set": _to_document(entry), "$currentDate": {"declared_at": True}},
                upsert=True,
            )
            for entry in entries
        ]
        if writes:
            with translated():
                await self._entries.bulk_write(writes, ordered=False)

    async def read(self) -> list[TaskEntry]:
        """Return every task that was ever declared, by name."""
        with translated():
            documents = await self._entries.find({}).sort("_id").to_list(None)
        return [_from_document(document) for document in documents]


def _to_document(entry: TaskEntry) -> Document:
    plain: dict[str, Any] = {name: getattr(entry, name) for name in _FIELDS if name != "name"}
    plain["key"] = list(entry.key)
    return plain | {name: orjson.dumps(plain[name]).decode() for name in _AS_TEXT}


def _from_document(document: Document) -> TaskEntry:
    restored: dict[str, Any] = {name: orjson.loads(document[name]) for name in _AS_TEXT}
    restored["examples"] = tuple(restored["examples"])
    for name in ("key", "limits"):
        restored[name] = tuple(document.get(name, ()))
    rest = {n: document[n] for n in _FIELDS if n in document and n not in restored}
    return TaskEntry(name=document["_id"], **rest, **restored)
