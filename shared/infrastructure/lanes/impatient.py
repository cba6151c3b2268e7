"""Jobs that are not to wait for a busy key: they are dropped, they fail, or they make room.

This is about a job that comes to its lane for the first time. One that has run already waits.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from shared.contracts.attempt import Failure
from shared.contracts.ids import first_id_at
from shared.contracts.instants import present
from shared.contracts.job import Job
from shared.contracts.record import record
from shared.infrastructure.collections import JOBS
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.job_requests import JobRequests
from shared.infrastructure.lanes.admissions import Admissions
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.progress import Runnable

BUSY = "key-busy"
"""The type of the error of a job that was not to wait for its key."""

_MOST = 500
_PATIENCE = timedelta(seconds=1)  # with whoever stored them, who deals with them at once
_WAITING: Document = {"lane": {"$exists": True}, "when_busy": {"$exists": True}, "starts": None}

Cancel = Callable[[Sequence[Job]], Awaitable[object]]
"""Ends jobs, or asks their workers to; may be repeated."""


@record
class Dealt:
    """What came of it."""

    ended: Sequence[Job] = ()
    runnable: Sequence[Runnable] = ()


class Impatient:
    """Deals with jobs that stand in line and are not to wait. May be repeated."""

    def __init__(self, database: Database, admissions: Admissions, cancel: Cancel) -> None:
        self._jobs = database[JOBS]
        self._outlines = JobOutlines(database)
        self._requests = JobRequests(database)
        self._admissions = admissions
        self._cancel = cancel

    async def left_alone(self) -> list[str]:
        """Return such jobs that have stood in line for a while."""
        return await self._find({"_id": {"$lt": first_id_at(present() - _PATIENCE)}})

    async def deal_with(self, ids: Iterable[str]) -> Dealt:
        """Let them in if there is room now; do with the others what they ask for."""
        jobs = await self._outlines.get(await self._find({"_id": {"$in": list(ids)}}))
        runnable = await self._admissions.settle(jobs)
        let_in = {each.id for each in runnable}
        jobs = [job for job in jobs if job.id not in let_in]
        ended = await self._turn_away([job for job in jobs if job.when_busy != "cancel_running"])
        for job in jobs:
            if job.when_busy == "cancel_running":
                ended += await self._make_room(job)
        runnable += await self._admissions.settle(ended)
        return Dealt(ended=ended, runnable=runnable)

    async def _find(self, which: Document) -> list[str]:
        with translated():
            found = (
                await self._jobs.find({**which, **_WAITING}, {"_id": 1})
                .hint("impatient")
                .limit(_MOST)
                .to_list(None)
            )
        return [row["_id"] for row in found]

    async def _turn_away(self, jobs: Sequence[Job]) -> list[Job]:
        if not jobs:
            return []
        now = present()
        lanes = await self._admissions.rows.lanes(sorted({job.lane or "" for job in jobs}))
        moves = []
        for job in jobs:
            holders = [each.job for each in lanes[job.lane or ""].holders]
            moves.append((job, _turned_away(job, holders, now)))
        await self._requests.move(moves, at=now)
        return [job for job in await self._outlines.get([job.id for job in jobs]) if job.done]

    async def _make_room(self, job: Job) -> list[Job]:
        """Cancel what holds the lane, and what came to it before this job and still waits."""
        key = job.lane or ""
        lane = (await self._admissions.rows.lanes([key]))[key]
        line = await self._admissions.rows.line(key, most=_MOST)
        ahead = [each.id for each in line if each.id < job.id]
        holders = [each.job for each in lane.holders if each.job != job.id]
        meant = [each for each in await self._outlines.get(holders + ahead) if not each.done]
        await self._cancel(meant)
        return [each for each in await self._outlines.get([m.id for m in meant]) if each.done]


def _turned_away(job: Job, holders: Sequence[str], now: datetime) -> Job:
    who = f"job {holders[0]} has it" if holders else "others wait for it"
    error = Failure(
        type=BUSY,
        message=f"the key {job.lane!r} is busy: {who}",
        retryable=False,
        attempt=job.attempt,
    )
    if job.when_busy == "drop_new":
        return job.skipped(at=now, error=error)
    return job.turned_away(at=now, error=error)
