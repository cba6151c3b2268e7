"""What workers say of themselves, for those who look from outside."""

from shared.infrastructure.collections import WORKERS
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workers import LIVE_STATES

_MOST = 1000


class WorkerRows:
    """Reads rows of workers; one that is gone is remembered for a day."""

    def __init__(self, database: Database) -> None:
        self._rows = database[WORKERS]

    async def read(self, *, gone_too: bool = False) -> list[Document]:
        """Return the workers that live, or all that are remembered, in order of their start."""
        match: Document = {} if gone_too else {"state": {"$in": list(LIVE_STATES)}}
        with translated():
            return await self._rows.find(match).sort("started_at", 1).limit(_MOST).to_list(None)

    async def get(self, worker: str) -> Document | None:
        """Return one row."""
        with translated():
            row: Document | None = await self._rows.find_one({"_id": worker})
        return row
