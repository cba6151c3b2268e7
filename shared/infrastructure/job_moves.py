"""Storing one pure move of a job: what it changed, in one write that only the right state matches.

Instants that equal the move's `at` become the database's own time, and a due time keeps its
distance from it: clocks of several machines are never compared.
"""

from datetime import datetime
from typing import Any

from bson.raw_bson import RawBSONDocument

from shared.contracts.attempt import PastAttempt
from shared.contracts.job import MOST_PAST_ATTEMPTS, Job
from shared.contracts.moves import Status
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.documents import changed_fields, stored_value
from shared.infrastructure.mongo import Database, Document, literal, translated
from shared.infrastructure.writes import encoded, until_stored, update


class JobMoves:
    """Writes moves; each either takes effect on the state it was decided on, or not at all."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]

    async def apply(
        self, before: Job, after: Job, *, at: datetime, patience: float | None = None
    ) -> bool:
        """Store the move from `before` to `after`, which was made with `at`; say if it happened.

        Repeats until MongoDB answers or `patience` seconds passed, then raises StoreUnavailable.
        """
        statement = encode_move(before, after, at=at)
        tries = 0

        async def write() -> bool:
            nonlocal tries
            tries += 1
            if await update(self._database, JOBS, [statement]):
                return True
            return tries > 1 and await self._is_stored(before, after)

        return await until_stored(write, patience=patience)

    async def _is_stored(self, before: Job, after: Job) -> bool:
        """Say whether an earlier try, whose answer was lost, made the move."""
        token = before.claim.token if before.claim else None
        ours = (
            {"$or": [{"claim.token": token}, {"past_attempts.token": token}]}
            if token and before.status is Status.RUNNING
            else {"version": after.version, "input": _as_stored(after.input)}
        )
        with translated():
            found = await self._jobs.find_one(
                {"_id": before.id, "status": after.status.value, **ours}, {"_id": 1}
            )
        return found is not None


def encode_move(before: Job, after: Job, *, at: datetime) -> RawBSONDocument:
    """Return the guarded update that makes `after` of what `before` is in the store."""
    changes: Document = {"status": literal(after.status.value)}
    gone: list[str] = []
    for name, value, is_default in changed_fields(before, after):
        if name == "past_attempts":
            changes[name] = _with_one_more(after.past_attempts[-1], at)
        elif is_default:
            gone.append(name)
        else:
            changes[name] = _in_store_time(name, value, at)
    if before.published != after.published:
        changes["published"] = literal(after.published)
    changes["version"] = {"$add": ["$version", 1]}
    pipeline: list[Document] = [{"$set": changes}]
    if gone:
        pipeline.append({"$unset": gone})
    return encoded({"q": _as_it_was(before), "u": pipeline, "hint": BY_ID})


def _as_it_was(before: Job) -> Document:
    """Match the state that the move was decided on; reports of a running attempt may go on."""
    if before.status is Status.RUNNING and before.claim is not None:
        return {
            "_id": before.id,
            "claim.token": before.claim.token,
            "status": before.status.value,
            "cancel_asked_at": before.cancel_asked_at,
        }
    return {"_id": before.id, "status": before.status.value, "version": before.version}


def _with_one_more(past: PastAttempt, at: datetime) -> Document:
    row = {name: _in_store_time(name, value, at) for name, value in stored_value(past).items()}
    known = {"$ifNull": ["$past_attempts", []]}
    return {"$slice": [{"$concatArrays": [known, [row]]}, -MOST_PAST_ATTEMPTS]}


def _in_store_time(name: str, value: Any, at: datetime) -> Any:
    if isinstance(value, datetime):
        if value == at:
            return "$$NOW"
        if name in ("due_at", "until"):
            return {"$add": ["$$NOW", round((value - at).total_seconds() * 1000)]}
    return literal(stored_value(value))


def _as_stored(text: str) -> Any:
    return None if text == "{}" else text  # a field with its default is absent
