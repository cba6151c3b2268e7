"""What a worker process can still write while its event loop is blocked: from another thread."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.contracts.job import Job
from shared.infrastructure.collections import JOBS, LOGS
from shared.infrastructure.job_moves import encode_move
from shared.infrastructure.job_reports import Line
from shared.infrastructure.mongo import DURABLE, Document

if TYPE_CHECKING:
    from pymongo.database import Database as SyncDatabase


class LastWrites:
    """Writes once, without repeating: the process ends whatever comes of it."""

    def __init__(self, database: "SyncDatabase[Document]") -> None:
        self._database = database

    def add_line(self, line: Line) -> None:
        """Store a log line."""
        self._database.command("insert", LOGS, documents=[line], writeConcern=DURABLE.document)

    def hand_back(self, jobs: Sequence[Job]) -> int:
        """Give jobs back to their queues; return how many were still ours."""
        now = datetime.now(UTC)
        updates = [encode_move(job, job.handed_back(at=now), at=now) for job in jobs]
        if not updates:
            return 0
        reply = self._database.command(
            "update", JOBS, updates=updates, ordered=False, writeConcern=DURABLE.document
        )
        matched: int = reply["n"]
        return matched
