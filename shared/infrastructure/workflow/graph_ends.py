"""How graphs end: status, the hooks of the whole, and who is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from shared.contracts.events import Hint
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.workflow.ending import Ended, GraphEnd, graph_end
from shared.contracts.workflow.faults import BadReference
from shared.contracts.workflow.graph import Edge, Graph, Node, Shape
from shared.contracts.workflow.references import found_in
from shared.contracts.workflow.resolution import Known
from shared.infrastructure.documents import from_document
from shared.infrastructure.mongo import Database, Document
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.rows import NodeRow
from shared.infrastructure.workflow.values import Values


class GraphEnded(NamedTuple):
    """What the end of a graph brings about."""

    hooks: list[Job]  # which may run now
    hints: list[Hint]
    owner: str | None = None  # the job that it grew from, and that waits for it


class GraphEnds:
    """Ends graphs whose members have all ended; may be repeated."""

    def __init__(self, database: Database, values: Values) -> None:
        self._graphs = Graphs(database)
        self._jobs = NodeJobs(database)
        self._values = values

    async def end(self, seed: str) -> GraphEnded:
        """Decide how a graph has ended, run its hooks, and note it."""
        graph = await self._graphs.graph(seed)
        if graph is None:
            return GraphEnded([], [])
        owner = graph["owner"] if graph.get("wait") else None
        if graph["status"] != "running":
            return GraphEnded([], [], owner)
        end, cause = await self._decide(graph)
        if end.status is Status.SUCCEEDED:
            end, cause = await self._checked(graph, end)
        hooks = await self._hook_jobs(graph, end, cause)
        await self._jobs.add(hooks)  # before the end is noted, so that none is forgotten
        said: Document = {"status": end.status.value}
        if cause:
            said["cause"] = cause
        await self._graphs.end_graph(seed, said)
        is_whole = seed == graph["workflow_id"]
        told = [Hint(seed, f"workflow.{end.status.value}", "", "")] if is_whole else []
        return GraphEnded(hooks, told, owner)

    async def _decide(self, graph: Document) -> tuple[GraphEnd, Document | None]:
        """Return how a graph has ended; its nodes are read only if one of them was not good."""
        if await self._graphs.all_good(graph["_id"]):
            return GraphEnd(Status.SUCCEEDED), None
        rows = await self._graphs.nodes_of(graph["_id"])
        cancel_asked = bool(graph.get("cancel_at"))
        end = graph_end(as_graph(rows), [ended_as(r) for r in rows], cancel_asked=cancel_asked)
        return end, rows[end.failed].cause if end.failed is not None else None

    async def result_of(self, graph: Document) -> Any:
        """Return the result of a graph that succeeded; raise BadReference."""
        template, needs = orjson.loads(graph["result"]), dict(graph["needs"])
        return await self._values.resolve(graph["_id"], template, needs)

    async def _checked(self, graph: Document, end: GraphEnd) -> tuple[GraphEnd, Document | None]:
        """Fail a graph whose result points into a value at what is not there."""
        template = orjson.loads(graph["result"])
        if any(found.reference and found.reference.path for found in found_in(template)):
            try:
                await self.result_of(graph)
            except BadReference as error:
                cause = {"node": "", "job_id": graph["_id"], "type": "bad-reference"}
                return GraphEnd(Status.FAILED), {**cause, "message": str(error), "attempts": 0}
        return end, None

    async def _hook_jobs(self, graph: Document, end: GraphEnd, cause: Document | None) -> list[Job]:
        kind = {Status.SUCCEEDED: "on_success", Status.FAILED: "on_failure"}.get(end.status)
        hooks: Sequence[Document] = graph.get(kind, ()) if kind else ()
        if not hooks:
            return []
        value = await self.result_of(graph) if end.status is Status.SUCCEEDED else None
        subject = Known(value, error=cause, missing=end.status is not Status.SUCCEEDED)
        return [await self._hook_job(graph, hook, subject) for hook in hooks]

    async def _hook_job(self, graph: Document, hook: Document, subject: Known) -> Job:
        job = from_document(dict(hook["job"]))
        value = await self._values.resolve(
            graph["_id"], orjson.loads(job.input), dict(hook["needs"]), subject=subject
        )
        now = datetime.now(UTC)
        return replace(job, input=orjson.dumps(value).decode(), created_at=now, templated=False)


def as_graph(rows: Sequence[NodeRow]) -> Graph:
    """Return the graph that these nodes, all of them in their order, are."""
    nodes = tuple(
        Node(name=row.path, task=row.task, input=None, run_if=row.run_if, hook=row.hook,
             tolerate=row.tolerate)
        for row in rows
    )  # fmt: skip
    edges = tuple(
        tuple(Edge(c, p) for c, p in zip(row.edges[::2], row.edges[1::2], strict=True))
        for row in rows
    )
    members = tuple(row.n for row in rows if not row.hook)
    shape = Shape(
        parents=tuple(row.of for row in rows),
        edges=edges,
        order=_order(rows),
        sinks=(),
        members=members,
    )
    return Graph(nodes=nodes, shape=shape, result=None)


def _order(rows: Sequence[NodeRow]) -> tuple[int, ...]:
    """Return the nodes so that each stands behind its parents."""
    left = [len(row.of) for row in rows]
    order = [row.n for row in rows if not row.of]
    for n in order:  # grows while it is walked
        for child in rows[n].edges[::2]:
            left[child] -= 1
            if not left[child]:
                order.append(child)
    return tuple(order)


def ended_as(row: NodeRow) -> Ended | None:
    """Return how a node has ended, if it has."""
    if row.signal is None or row.status is None or row.ended_at is None:
        return None
    return Ended(row.signal, row.status, row.ended_at)
