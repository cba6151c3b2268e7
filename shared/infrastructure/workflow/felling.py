"""Cancelling what grew from jobs that were cancelled: all of it, however deep it lies."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from shared.contracts.job import Job
from shared.contracts.moves import ENDS, MOVES, Move, Status
from shared.infrastructure.collections import GRAPHS, NODES
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.job_requests import JobRequests
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.rows import WAITING, NodeRow, node_row

_UNFINISHED = sorted(status.value for status in set(Status) - ENDS)
_AT_ONCE = MOVES[Move.CANCEL][0] - {Status.RUNNING}
_MOST = 1000  # jobs in one step


class Felled(NamedTuple):
    """What cancelling has brought about."""

    cancelled: list[Job]  # at once; those that run are asked to stop
    lists: list[NodeRow]  # nodes whose list is not known, and need not become so


class Felling:
    """Cancels graphs by the jobs they grew from; may be repeated."""

    def __init__(self, database: Database) -> None:
        self._graphs = database[GRAPHS]
        self._nodes = database[NODES]
        self._outlines = JobOutlines(database)
        self._requests = JobRequests(database)

    async def fell(self, owners: Sequence[Job]) -> Felled:
        """Cancel what has not ended of all that grew from these jobs."""
        felled = Felled([], [])
        with translated():
            grown = await self._graphs.find(
                {"owner": {"$in": [job.id for job in owners]}, "status": "running"},
                {"workflow_id": 1, "path": 1, "owner": 1},
            ).to_list(None)
        paths = {job.id: job.node or "" for job in owners if job.workflow_id is not None}
        for workflow_id, path in {(g["workflow_id"], paths.get(g["owner"], "")) for g in grown}:
            await self._fell_under(workflow_id, path, felled)
        return felled

    async def _fell_under(self, workflow_id: str, path: str, felled: Felled) -> None:
        within = {"workflow_id": workflow_id, "status": "running", **_under("path", path, "(/|$)")}
        with translated():
            await self._graphs.update_many(
                {**within, "cancel_at": None}, {"$currentDate": {"cancel_at": True}}
            )
            seeds = [g["_id"] for g in await self._graphs.find(within, {"_id": 1}).to_list(None)]
            lists = await self._nodes.find(
                {"graph": {"$in": seeds}, "state": WAITING, "foreach": {"$exists": True}}
            ).to_list(None)
        felled.lists.extend(map(node_row, lists))
        unfinished = {
            "workflow_id": workflow_id,
            "status": {"$in": _UNFINISHED},
            **_under("node", path, "/"),
        }
        after = None
        while page := await self._outlines.page(unfinished, after=after, most=_MOST):
            after = page[-1].id
            await self._cancel(page, felled)

    async def _cancel(self, jobs: Sequence[Job], felled: Felled) -> None:
        """Cancel jobs; one that starts meanwhile is asked to stop."""
        now = datetime.now(UTC)
        still = [job for job in jobs if job.status in _AT_ONCE]
        moves = [(job, job.cancelled(at=now, unsettled=True)) for job in still]
        await self._requests.move(moves, at=now)
        left = await self._outlines.get([job.id for job in jobs])
        await self._requests.ask_to_stop([j.id for j in left if j.status is Status.RUNNING])
        felled.cancelled.extend(job for job in left if job.status is Status.CANCELLED)


def _under(field: str, path: str, end: str) -> Document:
    """Match what lies below a path; below none is everything."""
    return {field: {"$regex": f"^{re.escape(path)}{end}"}} if path else {}
