"""Jobs that wait for graphs that grew from them: they end when the last of these has."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.contracts.attempt import Failure
from shared.contracts.job import Job, Status
from shared.contracts.workflow.ending import upstream_failure
from shared.contracts.workflow.faults import BadReference
from shared.infrastructure.collections import GRAPHS
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.graph_ends import GraphEnds
from shared.infrastructure.workflow.node_jobs import FOR_JOBS, NodeJobs

REPLACES = "replace"
"""The kind of a graph whose result becomes that of the job it grew from."""

_MOST_BYTES = 12 * 1024 * 1024  # of a result that is copied into the job


class Owners:
    """Ends jobs whose graphs have ended; may be repeated."""

    def __init__(self, database: Database, graph_ends: GraphEnds) -> None:
        self._graphs = database[GRAPHS]
        self._jobs = NodeJobs(database)
        self._moves = JobMoves(database)
        self._graph_ends = graph_ends

    async def complete(self, ids: Sequence[str]) -> list[Job]:
        """End those of the jobs that wait for nothing any more; return them as they ended."""
        ended: list[Job] = []
        for job in await self._jobs.read(ids):
            if job.status is not Status.WAITING or job.because != FOR_JOBS or job.starts == 0:
                continue
            graphs = await self._grown_from(job)
            if any(graph["status"] == "running" for graph in graphs):
                continue
            now = datetime.now(UTC)
            after = await self._after(job, graphs, now)
            if await self._moves.apply(job, after, at=now):
                ended.append(after)
        return ended

    async def _grown_from(self, job: Job) -> list[Document]:
        with translated():
            return (
                await self._graphs.find({"owner": job.id, "wait": True}).sort("_id").to_list(None)
            )

    async def _after(self, job: Job, graphs: Sequence[Document], now: datetime) -> Job:
        for graph in graphs:
            if graph["status"] == Status.CANCELLED.value:
                return job.cancelled(at=now, unsettled=True)
            if graph["status"] != Status.SUCCEEDED.value:
                return job.foundered(error=_why(graph), at=now)
        result: Any = job.result
        for graph in graphs:
            if graph.get("kind") == REPLACES:
                try:
                    value = await self._graph_ends.result_of(graph)
                except BadReference as error:
                    return job.foundered(error=_failure("bad-reference", str(error)), at=now)
                result = orjson.dumps(value).decode()
        if result is not None and len(result) > _MOST_BYTES:
            said = f"the result of its graph has {len(result)} bytes, more than {_MOST_BYTES}"
            return job.foundered(error=_failure("result-too-large", said), at=now)
        return job.completed(result=result or "null", at=now)


def _why(graph: Document) -> Failure:
    cause = graph.get("cause")
    return upstream_failure(cause) if cause else _failure("upstream-failed", "its graph failed")


def _failure(kind: str, message: str) -> Failure:
    return Failure(type=kind, message=message, retryable=False, attempt=0)
