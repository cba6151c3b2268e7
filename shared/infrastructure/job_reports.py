"""Progress and log lines of running jobs."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from bson.raw_bson import RawBSONDocument

from shared.contracts.attempt import Progress
from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.infrastructure.collections import BY_ID, JOBS, LOGS
from shared.infrastructure.end_statements import held
from shared.infrastructure.mongo import Database
from shared.infrastructure.writes import encoded, insert, update

Line = RawBSONDocument
_LONGEST = 10_000  # characters of a message, and of the JSON text of the fields


def encode_line(
    job: Job, *, level: str, message: str, fields: dict[str, Any], at: datetime
) -> Line:
    """Return the stored form of a log line; its id, and so its repetition, is fixed here."""
    return encoded(
        {
            "_id": new_id(at),
            "job_id": job.id,
            "attempt": job.attempt,
            "at": at,
            "level": level,
            "message": message[:_LONGEST],
            "fields": _fields_text(fields),
        }
    )


def _fields_text(fields: dict[str, Any]) -> str:
    text = orjson.dumps(fields).decode()
    if len(text) <= _LONGEST:
        return text
    return orjson.dumps({"too_long": text[:_LONGEST]}).decode()


class JobReports:
    """Writes what running tasks say of themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def show_progress(self, reports: Sequence[tuple[Job, Progress]]) -> None:
        """Store how far jobs have come, where their claim still holds."""
        updates = [
            encoded(
                {
                    "q": {**held(job), "status": job.status.value},
                    "u": {"$set": {"progress": asdict(progress)}, "$inc": {"version": 1}},
                    "hint": BY_ID,
                }
            )
            for job, progress in reports
        ]
        await update(self._database, JOBS, updates)

    async def add_lines(self, lines: Sequence[Line]) -> None:
        """Store log lines; may be repeated."""
        await insert(self._database, LOGS, lines)
