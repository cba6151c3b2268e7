"""Which answers were promised under which Idempotency-Key; kept for a day.

A request that is over without an answer, because MongoDB was away, leaves its reservation to
whoever repeats it. The gateway knows that at once, and tells the others as soon as it can.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from shared.contracts.errors import StoreUnavailable
from shared.contracts.instants import present
from shared.infrastructure.collections import IDEMPOTENCY
from shared.infrastructure.mongo import Database, Document, translated

_MOST_LEFT = 10_000  # remembered; the oldest of more is under way until its time has passed
_AGAIN_AFTER = 0.5  # seconds
_TICK = timedelta(milliseconds=1)  # of the database's instants

_Hold = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class Reservation:
    """The first request under a key: what it asked, and the id that all its answers start from."""

    key: str
    fingerprint: str
    seed: str  # a UUIDv7: the job's id, or what the ids of many jobs are made from
    at: datetime
    answer: str | None  # JSON text, for requests whose answer is not a single job
    is_new: bool
    left: bool = False  # whoever held it is known to be over, and did not answer

    @property
    def hold(self) -> _Hold:
        """Return what tells one holder of a reservation from the next."""
        return self.seed, self.at


class Idempotency:
    """Reserves keys. The first writer wins; everyone else learns what was reserved."""

    def __init__(self, database: Database) -> None:
        self._reservations = database[IDEMPOTENCY]
        self._left: OrderedDict[_Hold, Reservation] = OrderedDict()
        self._untold = asyncio.Event()

    async def reserve(self, key: str, *, fingerprint: str, seed: str) -> Reservation:
        """Reserve `key`, or return what is reserved under it; raise StoreUnavailable."""
        mine = Reservation(key, fingerprint, seed, present(), answer=None, is_new=True)
        try:
            return await self._reserve(mine)
        except StoreUnavailable:
            self.leave(mine)  # it may be stored, and nobody is at work
            raise

    async def _reserve(self, mine: Reservation) -> Reservation:
        document: Document = {
            "_id": mine.key,
            "fingerprint": mine.fingerprint,
            "seed": mine.seed,
            "at": mine.at,
        }
        with translated():
            try:
                await self._reservations.insert_one(document)
            except DuplicateKeyError:
                found = await self._reservations.find_one({"_id": mine.key})
                if found is not None:
                    return self._found(found)
        return mine

    def _found(self, document: Document) -> Reservation:
        return Reservation(
            key=document["_id"],
            fingerprint=document["fingerprint"],
            seed=document["seed"],
            at=document["at"],
            answer=document.get("answer"),
            is_new=False,
            left=(document["seed"], document["at"]) in self._left or "left" in document,
        )

    def leave(self, reservation: Reservation) -> None:
        """Note that a request is over, and that nobody knows whether it took effect."""
        self._left[reservation.hold] = reservation
        if len(self._left) > _MOST_LEFT:
            self._left.popitem(last=False)
        self._untold.set()

    async def take_over(self, reservation: Reservation) -> Reservation | None:
        """Return a reservation to whoever goes on with it, None if somebody else does."""
        mine = replace(reservation, at=max(present(), reservation.at + _TICK))
        change = {"$set": {"at": mine.at}, "$unset": {"left": ""}}
        try:
            with translated():
                written = await self._reservations.update_one(_pinned(reservation), change)
        except StoreUnavailable:
            self.leave(reservation)
            self.leave(mine)
            raise
        self._left.pop(reservation.hold, None)
        return mine if written.matched_count else None

    async def tell_what_was_left(self) -> None:
        """Let other gateways know too, for ever."""
        while True:
            await self._untold.wait()
            self._untold.clear()
            try:
                for each in list(self._left.values()):
                    await self._tell(each)
            except StoreUnavailable:
                self._untold.set()
                await asyncio.sleep(_AGAIN_AFTER)

    async def _tell(self, reservation: Reservation) -> None:
        with translated():
            await self._reservations.update_one(_pinned(reservation), {"$set": {"left": True}})
        self._left.pop(reservation.hold, None)

    async def keep_answer(self, key: str, answer: str) -> None:
        """Keep the answer to repeat, as JSON text."""
        with translated():
            await self._reservations.update_one({"_id": key}, {"$set": {"answer": answer}})

    async def release(self, key: str) -> None:
        """Forget a reservation whose request was refused before anything was stored."""
        with translated():
            await self._reservations.delete_one({"_id": key, "answer": {"$exists": False}})


def _pinned(reservation: Reservation) -> Document:
    """Return what matches a reservation as long as nobody has taken it over."""
    return {"_id": reservation.key, "seed": reservation.seed, "at": reservation.at}
