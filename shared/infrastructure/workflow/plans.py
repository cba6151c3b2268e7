"""What is stored for a graph: its document, its nodes, and their jobs. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from shared.contracts.bands import USUAL
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.record import record
from shared.contracts.workflow.graph import Graph, Node
from shared.contracts.workflow.growth import Planted, Plot, hook_id, planted
from shared.contracts.workflow.names import path_under
from shared.contracts.workflow.references import unwrapped
from shared.contracts.workflow.resolution import names_in
from shared.contracts.workflow.run_if import RunIf
from shared.infrastructure.documents import to_document
from shared.infrastructure.mongo import Document
from shared.infrastructure.workflow.node_jobs import FOR_JOBS
from shared.infrastructure.workflow.rows import STARTED, WAITING, NodeRow

JobOf = Callable[[Node, str], Job]
"""Makes the job of a node, with a given id, from what was said about it.

Of nodes with the same task and no fields of their own it makes the same, but for the id.
"""

_SMALL = 16 * 1024  # characters of an input that is stored twice, with the node and with its job
_AHEAD = 8  # jobs of a chain that are read at once
_LAST: Document = {"_id": None}  # whatever ends a chain
_GATED = frozenset({"run_at", "expires_at", "keys", "limits"})  # what else a job may wait for


@record
class Plan:
    """A graph, ready to be stored."""

    document: Document
    rows: tuple[NodeRow, ...]
    jobs: tuple[Document, ...]  # but for those of the first nodes
    members: tuple[int, ...]

    @property
    def first(self) -> list[NodeRow]:
        """Return the nodes whose jobs may run at once."""
        return [row for row in self.rows if row.is_first]


def plan_of(
    graph: Graph,
    *,
    workflow_id: str,
    plot: Plot,
    job_of: JobOf,
    now: datetime,
    run_at: datetime | None = None,
    said: Document | None = None,
    at_once: bool = False,
) -> Plan:
    """Return what is to be stored for a graph; `said` goes into its document as it is.

    With `at_once` jobs that wait for nothing may run as soon as the graph counts.
    """
    index = graph.index
    rows: list[NodeRow] = []
    jobs: dict[int, Document] = {}
    templates = _Templates(job_of, workflow_id)
    for each in planted(graph, plot):
        job = _job(each, templates) if each.node.task is not None else None
        if job is not None and run_at is not None and not each.node.parents:
            job["run_at"] = max(run_at, job.get("run_at", run_at))
        if job is not None and at_once and _waits_for_nothing(each.node, job):
            del job["because"]
            job["status"] = Status.QUEUED.value
        row = _row(graph, each, index, workflow_id, plot.seed, job)
        rows.append(row)
        if job is not None and row.single:
            jobs[each.number] = job
    _name_heirs(rows, jobs)
    document: Document = {
        "_id": plot.seed,
        "workflow_id": workflow_id,
        "status": "running",
        "unstarted": True,
        "version": 1,
        "created_at": now,
        "total": len(rows),
        "result": _text(graph.result),
        "needs": [[name, index[name]] for name in names_in(graph.result)],
        "on_success": _hooks(graph, "on_success", job_of, workflow_id, plot, index),
        "on_failure": _hooks(graph, "on_failure", job_of, workflow_id, plot, index),
        **(said or {}),
    }
    return Plan(
        document=document,
        rows=tuple(rows),
        jobs=tuple(job for n, job in jobs.items() if not rows[n].is_first),
        members=graph.shape.members,
    )


class _Templates:
    """What is stored of jobs, but for what makes each different: made once a task."""

    def __init__(self, job_of: JobOf, workflow_id: str) -> None:
        self._job_of = job_of
        self._workflow_id = workflow_id
        self._usual: dict[str, Document] = {}

    def of(self, each: Planted) -> Document:
        """Return the document of a node's job without its id, its path and its input."""
        task = each.node.task or ""
        if each.node.fields or "keys" in self._usual.get(task, {}):  # made of each one's input
            return self._made(each)
        if task not in self._usual:
            self._usual[task] = self._made(each)
        return self._usual[task]

    def _made(self, each: Planted) -> Document:
        job = replace(
            self._job_of(each.node, each.id),
            status=Status.WAITING,
            due_at=None,
            because=FOR_JOBS,
            lane=None,
            retention_s=None,  # a workflow is remembered as a whole
            workflow_id=self._workflow_id,
        )
        return to_document(job)


def _job(each: Planted, templates: _Templates) -> Document:
    job = {**templates.of(each), "_id": each.id, "node": each.path}
    template = each.node.input
    if each.node.needs or each.node.foreach is not None:
        job["templated"] = True
    else:
        template = unwrapped(template)
    if template:
        job["input"] = _text(template)
    return job


def _row(
    graph: Graph,
    each: Planted,
    index: dict[str, int],
    workflow_id: str,
    seed: str,
    job: Document | None,
) -> NodeRow:
    node, shape = each.node, graph.shape
    needs = [(name, index[name]) for name in node.needs if name]
    if "" in node.needs and node.subject:
        needs.append(("", index[node.subject]))
    first = job is not None and job["status"] == Status.QUEUED.value
    return NodeRow(
        id=each.id,
        graph=seed,
        workflow_id=workflow_id,
        n=each.number,
        path=each.path,
        parents=each.parents,
        task=node.task,
        run_if=node.run_if,
        tolerate=node.tolerate,
        hook=node.hook,
        timed=job is not None and "run_at" in job,
        of=shape.parents[each.number],
        edges=tuple(n for edge in shape.edges[each.number] for n in edge),
        needs=tuple(needs),
        template=_text(node.input) if node.task is None else None,
        foreach=None if node.foreach is None else _text(node.foreach),
        max_parallel=node.max_parallel,
        job=job if first or node.foreach is not None else None,
        state=STARTED if first else WAITING,
        queue=job["queue"] if job else "",
        priority=job["priority"] if job else USUAL,
        tags=tuple(job.get("tags", ())) if job else (),
        keys=tuple(job.get("keys", ())) if job else (),
    )


def _waits_for_nothing(node: Node, job: Document) -> bool:
    gated = node.parents or node.foreach is not None or "run_at" in job or "keys" in job
    return not gated and len(job.get("input", "")) <= _SMALL


def _name_heirs(rows: Sequence[NodeRow], jobs: Mapping[int, Document]) -> None:
    """Note on each job the only one that waits for it, if that waits for nothing else."""
    for number, job in jobs.items():
        edges = rows[number].edges
        child = edges[0] if len(edges) == 2 else -1
        if child in jobs and _waits_for_one_job_only(rows[child], jobs[child]):
            job["heir"] = rows[child].id
    followed = {job["_id"]: job for job in jobs.values() if "heir" in job}
    heirs = {job["heir"] for job in followed.values()}
    for job in followed.values():
        if job["_id"] not in heirs:
            _name_those_ahead(job, followed)


def _name_those_ahead(first: Document, followed: Mapping[str, Document]) -> None:
    """Note on every few jobs of a chain those up to the next that has such a note.

    Whoever runs the chain reads them at once.
    """
    names: list[str] = []
    job, size = first, 0
    while job["_id"] in followed:
        names.append(job["heir"])
        job = followed.get(job["heir"], _LAST)
        size += len(job.get("input", ""))
        if len(names) == _AHEAD or size > _SMALL:
            first["heirs"], names, size = names, [], 0
            first = job
    if names:
        first["heirs"] = names


def _waits_for_one_job_only(row: NodeRow, job: Document) -> bool:
    usual = row.run_if == RunIf() and not row.hook
    return usual and row.parents.total == 1 and _GATED.isdisjoint(job)


def _hooks(
    graph: Graph, kind: str, job_of: JobOf, workflow_id: str, plot: Plot, index: dict[str, int]
) -> list[Document]:
    hooks: list[Document] = []
    nodes = graph.on_success if kind == "on_success" else graph.on_failure
    for number, node in enumerate(nodes):
        job = replace(
            job_of(node, hook_id(plot.seed, kind, number)),
            input=_text(node.input),
            retention_s=None,
            workflow_id=workflow_id,
            node=path_under(plot.path, node.name),
        )
        needs = [[name, index[name]] for name in node.needs if name]
        hooks.append({"job": to_document(job), "needs": needs})
    return hooks


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
