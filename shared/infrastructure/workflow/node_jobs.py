"""The jobs of nodes: stored as they wait, opened or skipped when their parents have ended."""

from collections.abc import Iterable, Mapping, Sequence

from bson.raw_bson import RawBSONDocument

from shared.contracts.attempt import Failure
from shared.contracts.gates import FOR_KEY
from shared.contracts.job import Job
from shared.contracts.moves import MOVES, Move, Status
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.documents import failure_document, from_document, to_document
from shared.infrastructure.mongo import Database, Document, literal, translated
from shared.infrastructure.writes import encoded, insert, update

FOR_JOBS = "jobs"
"""Why a job waits whose parents have not ended."""

_MOST_AT_ONCE = 1000  # more in one update would outlast the patience of a socket

HELD: Document = {"status": Status.WAITING.value, "because": FOR_JOBS}
"""Matches jobs that wait for jobs."""


class NodeJobs:
    """Guarded steps of jobs that wait for other jobs. Each may be repeated."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]

    async def add(self, jobs: Iterable[Job]) -> None:
        """Store jobs; those that are there already stay as they are."""
        await self.add_documents(map(to_document, jobs))

    async def add_documents(self, documents: Iterable[Document]) -> None:
        """The same for what was made of them already."""
        await self.add_encoded(list(map(encoded, documents)))

    async def add_encoded(self, documents: Sequence[RawBSONDocument]) -> None:
        """The same for what has been encoded already."""
        await insert(self._database, JOBS, documents)

    async def open(self, ids: Sequence[str]) -> None:
        """Let jobs run that wait for jobs only; one with a time of its own waits for that now."""
        await self._change_held(ids, {"run_at": None}, _OPENED)

    async def line_up(self, ids: Sequence[str]) -> None:
        """Let jobs that waited for jobs only stand in line for the first of their keys."""
        lane: Document = {"lane": {"$first": "$keys"}, "because": literal(FOR_KEY)}
        await self._change_held(ids, {"run_at": None}, _one_more(lane))

    async def wait_for_their_time(self, ids: Sequence[str]) -> None:
        """Close the time gate of jobs whose parents have ended, so that the keeper opens it."""
        due: Document = {"due_at": "$run_at", "because": literal("schedule")}
        await self._change_held(ids, {"run_at": {"$ne": None}}, _one_more(due))

    async def _change_held(
        self, ids: Sequence[str], query: Document, change: Document | list[Document]
    ) -> None:
        for start in range(0, len(ids), _MOST_AT_ONCE):
            some = {"_id": {"$in": list(ids[start : start + _MOST_AT_ONCE])}}
            with translated():
                await self._jobs.update_many({**some, **HELD, **query}, change, hint=BY_ID)

    async def skip(self, why: Mapping[str, Failure | None]) -> None:
        """End jobs that can never run; their follow-ups are the caller's."""
        changes = []
        for job_id, failure in why.items():
            said: Document = {"status": MOVES[Move.SKIP][1].value}
            if failure is not None:
                said["error"] = failure_document(failure)
            change = {
                "$set": said,
                "$unset": {"because": ""},
                "$inc": {"version": 1},  # safe: the filter pins the status
                "$currentDate": {"finished_at": True},
            }
            changes.append(encoded({"q": {"_id": job_id, **HELD}, "u": change, "hint": BY_ID}))
        await update(self._database, JOBS, changes)

    async def read(self, ids: Sequence[str]) -> list[Job]:
        """Return those of the jobs that exist."""
        with translated():
            found = await self._jobs.find({"_id": {"$in": list(ids)}}).hint(BY_ID).to_list(None)
        return list(map(from_document, found))


_OPENED: Document = {
    "$set": {"status": MOVES[Move.OPEN][1].value, "published": False},
    "$unset": {"because": ""},
    "$inc": {"version": 1},  # safe: the filter pins the status
    "$currentDate": {"queued_at": True},
}


def _one_more(changes: Document) -> list[Document]:
    return [{"$set": {**changes, "version": {"$add": ["$version", 1]}}}]
