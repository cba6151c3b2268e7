"""Which answers were promised under which Idempotency-Key; kept for a day."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo.errors import DuplicateKeyError

from shared.infrastructure.collections import IDEMPOTENCY
from shared.infrastructure.mongo import Database, Document, translated


@dataclass(frozen=True, slots=True)
class Reservation:
    """The first request under a key: what it asked, and the id that all its answers start from."""

    fingerprint: str
    seed: str  # a UUIDv7: the job's id, or what the ids of many jobs are made from
    at: datetime
    answer: str | None  # JSON text, for requests whose answer is not a single job
    is_new: bool


class Idempotency:
    """Reserves keys. The first writer wins; everyone else learns what was reserved."""

    def __init__(self, database: Database) -> None:
        self._reservations = database[IDEMPOTENCY]

    async def reserve(self, key: str, *, fingerprint: str, seed: str) -> Reservation:
        """Reserve `key`, or return what is reserved under it."""
        now = datetime.now(UTC)
        document: Document = {"_id": key, "fingerprint": fingerprint, "seed": seed, "at": now}
        with translated():
            try:
                await self._reservations.insert_one(document)
            except DuplicateKeyError:
                found = await self._reservations.find_one({"_id": key})
                if found is not None:
                    return _reservation(found, is_new=False)
        return _reservation(document, is_new=True)

    async def keep_answer(self, key: str, answer: str) -> None:
        """Keep the answer to repeat, as JSON text."""
        with translated():
            await self._reservations.update_one({"_id": key}, {"$set": {"answer": answer}})

    async def release(self, key: str) -> None:
        """Forget a reservation whose request was refused before anything was stored."""
        with translated():
            await self._reservations.delete_one({"_id": key, "answer": {"$exists": False}})


def _reservation(document: Document, *, is_new: bool) -> Reservation:
    return Reservation(
        fingerprint=document["fingerprint"],
        seed=document["seed"],
        at=document["at"],
        answer=document.get("answer"),
        is_new=is_new,
    )
