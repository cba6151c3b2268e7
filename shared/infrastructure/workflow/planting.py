"""Storing a graph, all of it before any of it may run.

A graph counts once it is marked as planted. What a process left that died before that is swept by
the keeper, and a graph that was planted and not begun is begun by the keeper. Jobs that may run at
once are stored behind the mark, as runnable ones; until then their nodes hold what they look like
(docs/decisions/0025).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bson.raw_bson import RawBSONDocument

from shared.infrastructure.mongo import Database, Document
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.plans import Plan
from shared.infrastructure.workflow.rows import STARTED, NodeRow
from shared.infrastructure.writes import encoded

_AT_ONCE = 500  # nodes in one insert: while it is stored, the next are encoded

Bring = Callable[[Sequence[NodeRow]], Awaitable[None]]
"""Brings the jobs of first nodes to a worker."""


class Planting:
    """Stores plans. May be repeated: ids follow from where nodes stand."""

    def __init__(self, database: Database) -> None:
        self._graphs = Graphs(database)
        self._jobs = NodeJobs(database)

    async def store(self, plan: Plan, bring: Bring | None = None) -> list[NodeRow]:
        """Store a graph, and bring those of its jobs that may run at once to a worker.

        Return the other nodes that wait for nobody, to be decided on.
        """
        await self._graphs.add(plan.document, members=plan.members, total=len(plan.rows))
        first = plan.first
        _, _, encoded_first = await asyncio.gather(
            self._store_nodes(plan.rows), self._store_jobs(plan.jobs), _encoded_jobs(first)
        )
        await self._graphs.plant(plan.document["_id"])
        for start in range(0, len(first), _AT_ONCE):
            await self._jobs.add_encoded(encoded_first[start : start + _AT_ONCE])
            if bring is not None:
                await bring(first[start : start + _AT_ONCE])
        return [row for row in plan.rows if not row.of and row.state != STARTED]

    async def clear(self, seed: str) -> None:
        """Remove what there is of a graph that cannot have begun: it will be stored anew."""
        await self._graphs.sweep(seed, held=True)

    async def _store_nodes(self, rows: Sequence[NodeRow]) -> None:
        for start in range(0, len(rows), _AT_ONCE):
            await self._graphs.add_nodes(rows[start : start + _AT_ONCE])

    async def _store_jobs(self, jobs: Sequence[Document]) -> None:
        for start in range(0, len(jobs), _AT_ONCE):
            await self._jobs.add_documents(jobs[start : start + _AT_ONCE])


async def _encoded_jobs(rows: Sequence[NodeRow]) -> list[RawBSONDocument]:
    """Encode the jobs of nodes while others are being stored."""
    jobs: list[RawBSONDocument] = []
    for start in range(0, len(rows), _AT_ONCE):
        jobs += [encoded(row.job or {}) for row in rows[start : start + _AT_ONCE]]
        await asyncio.sleep(0)
    return jobs
