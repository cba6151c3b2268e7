"""Workflows as clients see them: pure, from what was read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from shared.contracts.moves import ENDS, Status
from shared.contracts.workflow.bits import from_words
from shared.contracts.workflow.critical_path import critical_path
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.run_if import Rule
from shared.infrastructure.workflow.overview import Place
from shared.infrastructure.workflow.plans import Plan
from shared.infrastructure.workflow.rows import ENDED, WAITING, NodeRow, stored_rule

Facts = dict[str, Any]

_ENDS = frozenset(status.value for status in ENDS)


def summary(graph: Mapping[str, Any]) -> Facts:
    """Return what the document of a workflow's own graph says, without its nodes."""
    workflow_id, status = graph["_id"], graph["status"]
    link = f"/v1/workflows/{workflow_id}"
    return {
        "id": workflow_id,
        "status": status,
        "done": status in _ENDS,
        "total": graph["total"],
        "open": from_words(graph.get("open", [])).bit_count(),
        "error": graph.get("cause"),
        "tags": graph.get("tags", []),
        "metadata": orjson.Fragment(graph.get("metadata", "{}")),
        "run_at": graph.get("run_at"),
        "created_at": graph["created_at"],
        "finished_at": graph.get("finished_at"),
        "cancel_asked_at": graph.get("cancel_at"),
        "run": graph.get("run", 0),
        "version": graph["version"],
        "links": {
            "self": link,
            "nodes": f"{link}/nodes",
            "results": f"{link}/results",
            "events": f"{link}/events",
            "jobs": f"/v1/jobs?workflow_id={workflow_id}",
        },
    }


def node_view(
    document: Mapping[str, Any], job: Mapping[str, Any] | None, names: Mapping[Place, str]
) -> Facts:
    """Return how a node stands; `job` is its own, read because the node no longer waits."""
    task, foreach = document.get("task"), document["foreach"]
    run_if = document.get("run_if")
    graph = document["graph"]
    return {
        "id": document["_id"],
        "task": task,
        "status": status_of(document, job),
        "after": [names.get(Place(graph, n), "") for n in document.get("of", ())],
        "run_if": _run_if(run_if),
        "tolerate": document.get("tolerate", False),
        "hook": document.get("hook", False),
        "attempt": job["attempt"] if job and "attempt" in job else None,
        "counts": _elements(document) if foreach else None,
        "error": document.get("cause"),
        "finished_at": document.get("ended_at"),
    }


def status_of(document: Mapping[str, Any], job: Mapping[str, Any] | None) -> str:
    """Return where a node stands, in the words of a job."""
    if document["state"] == ENDED:
        return str(document["status"])
    if document["state"] == WAITING:
        return Status.WAITING.value
    return str(job["status"]) if job else Status.RUNNING.value


def counts_of(statuses: Mapping[str, int]) -> dict[str, int]:
    """Return how many nodes stand in each status, also where that is none."""
    return {status.value: statuses.get(status.value, 0) for status in Status}


def place_of(document: Mapping[str, Any]) -> Place:
    """Return where a node stands."""
    return Place(document["graph"], document["n"])


def has_begun(document: Mapping[str, Any]) -> bool:
    """Say whether the node's one job knows something that the node does not: its attempts."""
    single = document.get("task") is not None and not document["foreach"]
    return single and document["state"] != WAITING


def new_view(plan: Plan) -> Facts:
    """Return a workflow that has just been stored; nothing of it has run."""
    graph = plan.document
    rows = [row.path for row in plan.rows]
    nodes = {
        row.path: node_view(
            _outline(row),
            row.job if row.is_first else None,
            {Place(row.graph, n): rows[n] for n in row.of},
        )
        for row in plan.rows[: MOST_NODES_SHOWN + 1]
    }
    whole = summary(graph) | {"open": len(plan.members)}
    first = len(plan.first)
    counts = counts_of({Status.QUEUED.value: first, Status.WAITING.value: len(rows) - first})
    return whole_view(whole, nodes if len(rows) <= MOST_NODES_SHOWN else None, counts)


def _outline(row: NodeRow) -> Facts:
    """Return what is shown of a node as it is stored."""
    return {
        "_id": row.id,
        "graph": row.graph,
        "task": row.task,
        "foreach": row.foreach is not None,
        "state": row.state,
        "of": row.of,
        "run_if": stored_rule(row.run_if),
        "tolerate": row.tolerate,
        "hook": row.hook,
    }


def whole_view(
    whole: Facts,
    nodes: Facts | None,
    counts: Mapping[str, int],
    *,
    result: Any = None,
    hooks: Sequence[Facts] = (),
) -> Facts:
    """Return everything that one answer shows of a workflow."""
    return whole | {
        "counts": dict(counts),
        "nodes": nodes or {},
        "nodes_left_out": nodes is None,
        "hooks": list(hooks),
        "result": result,
    }


def plan_view(graph: Graph, seconds: Mapping[str, float]) -> Facts:
    """Return what would become of a submission: its graph, an order, and its longest way."""
    names = [node.name for node in graph.nodes]
    path = critical_path(graph, seconds)
    tasks = {node.task for node in graph.nodes if node.task}
    return {
        "total": len(names),
        "nodes": {
            node.name: {
                "task": node.task,
                "after": list(node.parents),
                "run_if": _run_if([node.run_if.rule.value, node.run_if.least]),
                "foreach": node.foreach is not None,
                "hook": node.hook,
            }
            for node in graph.nodes
        },
        "order": [names[i] for i in graph.shape.order],
        "sinks": [names[i] for i in graph.shape.sinks],
        "critical_path": {
            "nodes": list(path.nodes),
            "seconds": path.seconds,
            "unknown_tasks": sorted(tasks - seconds.keys()),
        },
    }


def line_of(node: str, job: Mapping[str, Any]) -> bytes:
    """Return one line of results: how a job of a node ended, and what it gave."""
    result = job.get("result") if job["status"] == Status.SUCCEEDED.value else None
    line = {
        "node": job.get("node") or node,
        "index": job.get("element"),
        "job_id": job["_id"],
        "status": job["status"],
        "result": None if result is None else orjson.Fragment(result),
        "error": job.get("error"),
    }
    return orjson.dumps(line) + b"\n"


MOST_NODES_SHOWN = 1000
"""Nodes that the view of a workflow lists; those of larger ones come in pages."""


def statuses_of(nodes: Mapping[str, Facts]) -> Counter[str]:
    """Count nodes by status."""
    return Counter(node["status"] for node in nodes.values())


def _run_if(stored: Sequence[Any] | None) -> Any:
    if not stored:
        return Rule.ALL_SUCCEEDED.value
    return {"succeeded": stored[1]} if stored[0] == Rule.SUCCEEDED.value else stored[0]


def _elements(document: Mapping[str, Any]) -> dict[str, int] | None:
    """Return how the jobs of a list stand; None while the list is not known."""
    elements = document.get("elements")
    if elements is None:
        return None
    open_, good, failed = (from_words(elements[name]) for name in ("open", "good", "failed"))
    total = elements["total"]
    return {
        "total": total,
        "open": open_.bit_count(),
        "succeeded": good.bit_count(),
        "failed": failed.bit_count(),
    }
