"""Jobs that wait for graphs that grew from them: they end when the last of these has."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from shared.contracts.attempt import Failure
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.workflow.ending import UPSTREAM_FAILED, upstream_failure
from shared.contracts.workflow.faults import BadReference
from shared.infrastructure.collections import GRAPHS
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.graph_ends import GraphEnds
from shared.infrastructure.workflow.growing import REPLACES
from shared.infrastructure.workflow.node_jobs import FOR_JOBS, NodeJobs

_MOST_BYTES = 12 * 1024 * 1024  # of a result that is copied into the job


class Completed(NamedTuple):
    """What came of jobs that wait for graphs."""

    ended: list[Job]
    held: list[str]  # graphs that may begin now


class Owners:
    """Ends jobs whose graphs have ended; may be repeated."""

    def __init__(self, database: Database, graph_ends: GraphEnds) -> None:
        self._graphs = database[GRAPHS]
        self._jobs = NodeJobs(database)
        self._moves = JobMoves(database)
        self._graph_ends = graph_ends

    async def complete(self, ids: Sequence[str]) -> Completed:
        """End those of the jobs that wait for nothing any more.

        One that has ended by now, and whose follow-ups nobody has done, is returned as well.
        """
        done = Completed([], [])
        for job in await self._jobs.read(ids):
            if job.done and job.unsettled:
                done.ended.append(job)
            elif job.status is Status.WAITING and job.because == FOR_JOBS and job.starts:
                await self._complete(job, done)
        return done

    async def causes(self, jobs: Sequence[Job]) -> Mapping[str, Document]:
        """Return why graphs failed for which jobs did: the error object of the node within."""
        foundered = [job.id for job in jobs if job.error and job.error.type == UPSTREAM_FAILED]
        if not foundered:
            return {}
        query = {"owner": {"$in": foundered}, "wait": True, "cause": {"$exists": True}}
        with translated():
            found = await self._graphs.find(query).sort("_id", -1).to_list(None)
        return {graph["owner"]: graph["cause"] for graph in found}

    async def _complete(self, job: Job, done: Completed) -> None:
        graphs = await self._grown_from(job)
        running = [graph for graph in graphs if graph["status"] == "running"]
        if running:
            done.held.extend(graph["_id"] for graph in running if graph.get("held"))
            return
        now = datetime.now(UTC)
        after = await self._after(job, graphs, now)
        if await self._moves.apply(job, after, at=now):
            done.ended.append(after)

    async def _grown_from(self, job: Job) -> list[Document]:
        query: Document = {"owner": job.id, "wait": True}
        if job.result is not None:  # a replacement is one of an attempt that died
            query["kind"] = {"$ne": REPLACES}
        with translated():
            return await self._graphs.find(query).sort("_id").to_list(None)

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
    return upstream_failure(cause) if cause else _failure(UPSTREAM_FAILED, "its graph failed")


def _failure(kind: str, message: str) -> Failure:
    return Failure(type=kind, message=message, retryable=False, attempt=0)
