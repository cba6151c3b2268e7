"""Accepting a workflow: checked as a whole, stored as a whole, then begun."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from api.catalogue import Catalogue
from shared.contracts.errors import StoreUnavailable, UnknownTask
from shared.contracts.instants import present
from shared.contracts.strict_json import dump
from shared.contracts.workflow.drafting import Draft, read_draft
from shared.contracts.workflow.faults import MOST_FAULTS
from shared.contracts.workflow.fitting import Fitting
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.growth import Plot
from shared.contracts.workflow.reading import read_graph
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.logs import get_logger
from shared.infrastructure.mongo import Database
from shared.infrastructure.workflow.plans import Plan, plan_of
from shared.infrastructure.workflow.planting import Planting
from shared.infrastructure.workflow.progress import Progress, Runnable
from shared.infrastructure.workflow.rows import NodeRow

log = get_logger(__name__)

T = TypeVar("T")
_MOST_ON_THE_LOOP = 300  # nodes; more would hold up others for longer than ten milliseconds


class Submitting:
    """Turns submissions into stored workflows. Once `store` returns, it reaches an end."""

    def __init__(self, database: Database, catalogue: Catalogue, follow_ups: FollowUps) -> None:
        self._catalogue = catalogue
        self._planting = Planting(database)
        self._follow_ups = follow_ups
        self._fitting = Fitting()
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Submitting"]:
        """Begin workflows in the background for as long as the context is open."""
        async with asyncio.TaskGroup() as self._group:
            yield self

    async def draft(self, value: Any) -> Draft:
        """Check a submission; raise InvalidWorkflow with everything that is wrong."""
        size = _size_of(value)
        graph = await _apart(lambda: read_graph(value), size)
        entries = {entry.name: entry for entry in self._catalogue.entries}
        for task in _unknown(graph, entries):
            try:
                entries[task] = await self._catalogue.get(task)
            except UnknownTask:
                continue  # told with the pointer of its node
        now = present()
        return await _apart(lambda: read_draft(value, graph, entries, self._fitting, now=now), size)

    async def store(self, draft: Draft, workflow_id: str) -> Plan:
        """Return once all of a workflow is durable; raise StoreUnavailable (it may be or not)."""
        fields = draft.fields
        said = {
            "root": True,
            "tags": fields.tags,
            "metadata": dump(fields.metadata),
            "run_at": draft.run_at,
        }
        plan = await _apart(
            lambda: plan_of(
                draft.graph,
                workflow_id=workflow_id,
                plot=Plot(workflow_id),
                job_of=draft.job_of,
                now=draft.now,
                run_at=draft.run_at,
                said=said,
                at_once=True,
            ),
            len(draft.graph.nodes),
        )
        rows = await self._planting.store(plan, self._bring)
        assert self._group is not None
        self._group.create_task(self._begin(plan, rows))
        return plan

    async def _bring(self, first: Sequence[NodeRow]) -> None:
        await self._follow_ups.bring(Progress([Runnable.at(row) for row in first], [], [], []))

    async def _begin(self, plan: Plan, rows: Sequence[NodeRow]) -> None:
        """Start what waits for nobody; no client waits for this, and the keeper makes up for it."""
        advance, workflow_id = self._follow_ups.workflows, plan.document["_id"]
        try:
            begun = await (
                advance.begin(workflow_id, rows) if plan.rows else advance.begin_again(workflow_id)
            )
            await self._follow_ups.bring(begun)
        except StoreUnavailable as error:
            log.warning("workflow.begins_later", reason=str(error)[:200])
        except Exception:  # the end of a task of its own: others must not end with it
            log.exception("workflow.begins_later", workflow=workflow_id)


async def _apart(work: Callable[[], T], size: int) -> T:
    """Do work in a thread if it is too much for the loop, where others would wait for it."""
    return work() if size <= _MOST_ON_THE_LOOP else await asyncio.to_thread(work)


def _size_of(value: Any) -> int:
    nodes = value.get("nodes") if isinstance(value, dict) else None
    return len(nodes) if isinstance(nodes, dict) else 0


def _unknown(graph: Graph, entries: dict[str, Any]) -> list[str]:
    """Return tasks that may be new; no more than can be told."""
    nodes = (*graph.nodes, *graph.on_success, *graph.on_failure)
    tasks = dict.fromkeys(node.task for node in nodes if node.task is not None)
    return [task for task in tasks if task not in entries][:MOST_FAULTS]
