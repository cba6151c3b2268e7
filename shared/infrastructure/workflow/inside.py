"""Nodes that failed because of what belongs to them: only that part is run again.

That is the elements of a list that did not succeed, or the graphs that grew from a job.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.contracts.job import Job
from shared.contracts.moves import ENDS, Status
from shared.contracts.workflow.bits import set_of
from shared.contracts.workflow.foreach import element_ids
from shared.contracts.workflow.run_if import Parents
from shared.infrastructure.collections import GRAPHS, JOBS, NODES
from shared.infrastructure.job_moves import encode_move
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.rows import NodeRow, words_of
from shared.infrastructure.writes import update

_AT_ONCE = 1000
_FAILED = sorted(status.value for status in ENDS - {Status.SUCCEEDED})
_FOUNDERED = frozenset({"upstream-failed"})


class Inside:
    """Finds and runs again what failed in lists and in grown graphs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._graphs = database[GRAPHS]
        self._nodes = database[NODES]
        self._jobs = NodeJobs(database)

    async def owners(self, rows: Sequence[NodeRow]) -> frozenset[int]:
        """Return which of these failed nodes failed because of what belongs to them."""
        lists = {row.n for row in rows if row.elements is not None and row.elements.total}
        single = {row.id: row.n for row in rows if row.single}
        grown = await self.failed_graphs(list(single))
        waited = {each["owner"] for each in grown}
        jobs = await self.read([an_id for an_id in single if an_id in waited])
        return frozenset(lists | {single[job.id] for job in jobs if _has_waited(job)})

    async def failed_graphs(self, owners: Sequence[str]) -> list[Document]:
        """Return graphs that grew from these jobs, that they waited for, and that failed."""
        with translated():
            return await self._graphs.find(
                {"owner": {"$in": list(owners)}, "wait": True, "status": {"$in": _FAILED}}
            ).to_list(None)

    async def leave(self, ids: Sequence[str]) -> None:
        """Forget about the graphs that grew from jobs which will start from the beginning."""
        for start in range(0, len(ids), _AT_ONCE):
            with translated():
                await self._graphs.update_many(
                    {"owner": {"$in": list(ids[start : start + _AT_ONCE])}, "wait": True},
                    {"$set": {"wait": False, "left": True}},
                )

    async def wait_again(self, job_id: str) -> None:
        """Let a job wait for the graphs that grew from it."""
        now = datetime.now(UTC)
        ended = [job for job in await self.read([job_id]) if job.done]
        moves = [encode_move(job, job.awaiting_again(), at=now) for job in ended]
        await update(self._database, JOBS, moves)

    async def open_elements(self, row: NodeRow, run: int) -> list[Job]:
        """Let the elements of a list that did not succeed run again, not too many at once."""
        assert row.elements is not None
        total, good = row.elements.total, row.elements.good
        places = [place for place in range(total) if not good >> place & 1]
        ids = list(element_ids(row.id, places, run=row.list_run))
        at_once = len(ids[: row.max_parallel])
        first = frozenset(ids[:at_once])
        again = Parents(total=total, open=set_of(places), good=good)
        said: Document = {f"elements.{k}": v for k, v in words_of("", again).items()}
        said["elements.opened"] = places[at_once - 1] + 1 if places else total
        with translated():
            await self._nodes.update_one(
                {"_id": row.id, "elements.redone": {"$ne": run}},
                {"$set": {**said, "elements.redone": run}},
            )
        return await self._move(ids, first)

    async def _move(self, ids: Sequence[str], first: frozenset[str]) -> list[Job]:
        now = datetime.now(UTC)
        jobs = [job for job in await self.read(ids) if job.done]
        moves = [
            (job, job.again(at=now) if job.id in first else job.held_again(at=now)) for job in jobs
        ]
        await update(self._database, JOBS, [encode_move(*move, at=now) for move in moves])
        return [after for _, after in moves if after.id in first]

    async def read(self, ids: Sequence[str]) -> list[Job]:
        """Return those of the jobs that exist."""
        found: list[Job] = []
        for start in range(0, len(ids), _AT_ONCE):
            found += await self._jobs.read(ids[start : start + _AT_ONCE])
        return found


def _has_waited(job: Job) -> bool:
    """Say whether a job failed by what it waited for, not by itself."""
    if job.error is not None:
        return job.error.type in _FOUNDERED
    return job.status is Status.CANCELLED
