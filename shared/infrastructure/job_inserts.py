"""Accepting jobs, and remembering which of them the broker has a bell for."""

from collections.abc import Sequence

from bson.raw_bson import RawBSONDocument

from shared.contracts.job import Job
from shared.contracts.moves import MOVES, Move
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.documents import to_document
from shared.infrastructure.mongo import Database, translated
from shared.infrastructure.writes import encoded, insert, until_stored

_CLAIMABLE = sorted(MOVES[Move.CLAIM][0])


Encoded = RawBSONDocument


def encode_job(job: Job) -> RawBSONDocument:
    """Return the stored form of a job, ready to join a batch."""
    return encoded(to_document(job))


class JobInserts:
    """Writes new jobs. An id that is stored already counts as stored: inserts may be repeated."""

    def __init__(self, database: Database, *, patience: float = 5) -> None:
        self._database = database
        self._patience = patience  # seconds until a client hears that we are away

    async def insert(self, documents: Sequence[RawBSONDocument]) -> set[str]:
        """Store encoded jobs durably; raise StoreUnavailable if MongoDB stays away.

        Return the ids of those whose slot a job holds already, perhaps they themselves.
        """
        kept_out = await until_stored(
            lambda: insert(self._database, JOBS, documents), patience=self._patience
        )
        return {documents[place]["_id"] for place, by in kept_out.items() if by == "slot.held"}

    async def mark_published(self, ids: Sequence[str]) -> None:
        """Remember that a bell for these jobs is confirmed. Losing this only rings once more."""
        with translated():
            await self._database[JOBS].update_many(
                {"_id": {"$in": list(ids)}, "status": {"$in": _CLAIMABLE}, "published": False},
                {"$set": {"published": True}, "$currentDate": {"published_at": True}},
                hint=BY_ID,
            )
