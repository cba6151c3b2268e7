"""Durable writes of many documents in one command, each encoded and checked alone.

One value that BSON refuses would lose its neighbours in a driver's batch; here it never joins one.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import WriteConcern

from shared.contracts.errors import StoreUnavailable, WarrenError
from shared.infrastructure.collections import BY_ID
from shared.infrastructure.mongo import DURABLE, Database, Document, translated

T = TypeVar("T")
_DONE = WriteConcern(w=1, j=False)
_MAX_BYTES = 12 * 1024 * 1024
_MAX_DOCUMENTS = 1000
_DUPLICATE_KEY = 11000
_LARGEST = 16 * 1024 * 1024
_TOO_LARGE = (10334, 17419, 17420)  # BSONObjectTooLarge, and what updates say instead


class TooLarge(WarrenError):
    """Some documents would be larger than MongoDB takes; all others were written."""

    code = "document-too-large"

    def __init__(self, places: set[int]) -> None:
        super().__init__(f"{len(places)} documents do not fit the 16 MiB that MongoDB takes")
        self.places = places  # in the sequence that was to be written


class Occupied(WarrenError):
    """Some updates would repeat a value that a unique index has already; all others were made."""

    code = "occupied"


class Applied(NamedTuple):
    """How many updates took effect, and the places of those whose insert met a document."""

    matched: int
    kept_out: set[int]


def encoded(document: Document) -> RawBSONDocument:
    """Encode one document on its own, so that a bad one fails before it meets the others."""
    return RawBSONDocument(bson.encode(document))


async def insert(
    database: Database, collection: str, documents: Sequence[RawBSONDocument]
) -> dict[int, str]:
    """Store all documents; one that is there already counts as stored, so this may be repeated.

    Return the places of those that a unique index kept out, with the first field of that index;
    it may also be the document itself, stored by an earlier try, that keeps one out.
    """
    kept_out: dict[int, str] = {}
    start = 0
    for chunk in _chunks(documents):
        reply = await _run(database, {"insert": collection, "documents": chunk, "ordered": False})
        for error in reply.get("writeErrors", ()):
            if error["code"] != _DUPLICATE_KEY:
                raise StoreUnavailable(f"MongoDB refused a document: {error['errmsg']}")
            kept_out[start + error["index"]] = next(iter(error.get("keyPattern", ())), "_id")
        start += len(chunk)
    return kept_out


async def update(
    database: Database,
    collection: str,
    updates: Sequence[RawBSONDocument],
    *,
    durable: bool = True,
) -> int:
    """Apply updates `{q, u}` independently of each other; return how many matched.

    Raises TooLarge or Occupied once all others are applied. What is not `durable` becomes so with
    the next write of the same primary that is, and may be undone by the loss of it before that.
    """
    occupied = False
    fitting = [place for place, each in enumerate(updates) if len(each.raw) <= _LARGEST]
    refused = set(range(len(updates))).difference(fitting)
    matched = start = 0
    for chunk in _chunks([updates[place] for place in fitting]):
        command = {"update": collection, "updates": chunk, "ordered": False}
        reply = await _run(database, command, durable=durable)
        for error in reply.get("writeErrors", ()):
            if error["code"] == _DUPLICATE_KEY:
                occupied = True
                continue
            if error["code"] not in _TOO_LARGE:
                raise StoreUnavailable(f"MongoDB refused an update: {error['errmsg']}")
            refused.add(fitting[start + error["index"]])
        matched += reply["n"]
        start += len(chunk)
    if refused:
        raise TooLarge(refused)
    if occupied:
        raise Occupied("another document has a value that must be unique")
    return matched


async def in_order(database: Database, collection: str, updates: Sequence[RawBSONDocument]) -> int:
    """Apply updates one after the other up to the first that fails; return how many matched.

    They are not durable: see `update`.
    """
    command = {"update": collection, "updates": list(updates), "ordered": True}
    matched: int = (await _run(database, command, durable=False))["n"]
    return matched


async def update_if_unchanged(
    database: Database, collection: str, updates: Sequence[RawBSONDocument], *, durable: bool = True
) -> Applied:
    """Apply updates that may insert what they do not find; return what came of them.

    Of one that finds its document otherwise than its filter says, the insert meets the id.
    `durable` is as in `update`.
    """
    matched = start = 0
    kept_out: set[int] = set()
    for chunk in _chunks(updates):
        command = {"update": collection, "updates": chunk, "ordered": False}
        reply = await _run(database, command, durable=durable)
        for error in reply.get("writeErrors", ()):
            if error["code"] != _DUPLICATE_KEY:
                raise StoreUnavailable(f"MongoDB refused an update: {error['errmsg']}")
            kept_out.add(start + error["index"])
        matched += reply["n"]
        start += len(chunk)
    return Applied(matched, kept_out)


async def find_and_update(
    database: Database,
    collection: str,
    query: Document,
    change: Document | list[Document],
    *,
    shown: Document | None = None,
) -> Document | None:
    """Change one document; return it, or what is `shown` of it, as it is then.

    The driver does not repeat this: whoever calls does, see `until_stored`.
    """
    command = {"findAndModify": collection, "query": query, "update": change, "new": True}
    reply = await _run(database, {**command, "fields": shown or {}, "hint": BY_ID})
    found: Document | None = reply["value"]
    return found


async def until_stored(write: Callable[[], Awaitable[T]], *, patience: float | None = None) -> T:
    """Repeat a write that is safe to repeat until MongoDB answers, or `patience` seconds passed.

    Raises StoreUnavailable when patience ends; the write may have taken effect.
    """
    loop = asyncio.get_running_loop()
    give_up = None if patience is None else loop.time() + patience
    pause = 0.05
    while True:
        try:
            return await write()
        except StoreUnavailable:
            if give_up is not None and loop.time() + pause > give_up:
                raise
        await asyncio.sleep(pause * random.uniform(0.5, 1))
        pause = min(1.0, pause * 2)


async def _run(database: Database, command: Document, *, durable: bool = True) -> dict[str, Any]:
    concern = DURABLE if durable else _DONE
    with translated():
        reply: dict[str, Any] = await database.command(
            {**command, "writeConcern": concern.document}, codec_options=database.codec_options
        )
    if error := reply.get("writeConcernError"):
        raise StoreUnavailable(f"MongoDB did not confirm a write: {error['errmsg']}")
    return reply


def _chunks(documents: Sequence[RawBSONDocument]) -> Iterator[list[RawBSONDocument]]:
    chunk: list[RawBSONDocument] = []
    size = 0
    for document in documents:
        if chunk and (len(chunk) == _MAX_DOCUMENTS or size + len(document.raw) > _MAX_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(document)
        size += len(document.raw)
    if chunk:
        yield chunk
