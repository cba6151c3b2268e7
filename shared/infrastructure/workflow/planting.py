"""Storing a graph, all of it before any of it may run.

A graph counts once it is marked as planted. What a process left that died before that is swept by
the keeper, and a graph that was planted and not begun is begun by the keeper. Jobs that may run at
once are stored behind the mark, as runnable ones; until then their nodes hold what they look like
(docs/decisions/0025).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from shared.infrastructure.mongo import Database, Document
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.plans import Plan
from shared.infrastructure.workflow.rows import STARTED, NodeRow

T = TypeVar("T")
_AT_ONCE = 250  # nodes in one insert

Bring = Callable[[Sequence[NodeRow]], Awaitable[None]]
"""Brings the jobs of first nodes to a worker."""
Chunks = Iterator[Sequence[T]]
"""What is to be stored; shared by two that store, so that one encodes while the other waits."""


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
        nodes, jobs, first = _chunks(plan.rows), _chunks(plan.jobs), _chunks(plan.first)
        await asyncio.gather(
            self._store_nodes(nodes), self._store_nodes(nodes), self._store_jobs(jobs)
        )
        await self._graphs.plant(plan.document["_id"])
        await asyncio.gather(self._begin(first, bring), self._begin(first, bring))
        return [row for row in plan.rows if not row.of and row.state != STARTED]

    async def clear(self, seed: str) -> None:
        """Remove what there is of a graph that cannot have begun: it will be stored anew."""
        await self._graphs.sweep(seed, held=True)

    async def _store_nodes(self, chunks: "Chunks[NodeRow]") -> None:
        for rows in chunks:
            await self._graphs.add_nodes(rows)

    async def _store_jobs(self, chunks: "Chunks[Document]") -> None:
        for jobs in chunks:
            await self._jobs.add_documents(jobs)

    async def _begin(self, chunks: "Chunks[NodeRow]", bring: Bring | None) -> None:
        for rows in chunks:
            await self._jobs.add_documents(row.job for row in rows if row.job)
            if bring is not None:
                await bring(rows)


def _chunks(whole: Sequence[T]) -> "Chunks[T]":
    return (whole[start : start + _AT_ONCE] for start in range(0, len(whole), _AT_ONCE))
