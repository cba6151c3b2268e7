"""What clients ask of many jobs that exist already: to make a move, or to stop."""

from collections.abc import Sequence
from datetime import datetime

from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.job_moves import encode_move
from shared.infrastructure.mongo import Database, Document
from shared.infrastructure.writes import encoded, until_stored, update

_RUNNING = Status.RUNNING.value


class JobRequests:
    """Writes for many jobs at once. What lost a race changes nothing; read again what came of it.

    Each write is repeated until MongoDB answers, then raises StoreUnavailable: it may have taken
    effect, and may be asked for again.
    """

    def __init__(self, database: Database, *, patience: float = 5) -> None:
        self._database = database
        self._patience = patience  # seconds

    async def move(self, moves: Sequence[tuple[Job, Job]], *, at: datetime) -> int:
        """Store moves that were decided with `at`; return how many of the last try matched."""
        statements = [encode_move(before, after, at=at) for before, after in moves]
        if not statements:
            return 0
        return await until_stored(
            lambda: update(self._database, JOBS, statements), patience=self._patience
        )

    async def ask_to_stop(self, ids: Sequence[str]) -> None:
        """Note on those of the jobs that run that somebody wants their attempt to stop."""
        if not ids:
            return
        asked: Document = {
            "$currentDate": {"cancel_asked_at": True},
            "$inc": {"version": 1},  # safe: the filter matches once
        }
        unasked = {"status": _RUNNING, "cancel_asked_at": None}
        statements = [
            encoded({"q": {"_id": each, **unasked}, "u": asked, "hint": BY_ID}) for each in ids
        ]
        await until_stored(
            lambda: update(self._database, JOBS, statements), patience=self._patience
        )
