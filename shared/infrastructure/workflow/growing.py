"""Graphs that grow from running jobs: stored once, however often the attempt is repeated.

A replacement is stored *held*: it begins when the attempt's end says that the job waits for it, so
that one whose worker dies in between has begun nothing. Anything spawned begins at once.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from shared.contracts.errors import LeaseLost
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.record import record
from shared.contracts.strict_json import dump
from shared.contracts.workflow.drafting import Draft
from shared.contracts.workflow.faults import GrewOtherwise
from shared.contracts.workflow.graph import Node
from shared.contracts.workflow.growth import Plot, alone
from shared.contracts.workflow.names import node_id
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.end_statements import held
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.plans import Plan, plan_of
from shared.infrastructure.workflow.planting import Planting
from shared.infrastructure.workflow.rows import NodeRow

SPAWNED, REPLACES = "spawn", "replace"
"""The kinds of graphs that grow; the result of the latter becomes that of its job."""


@record
class Growth:
    """A graph that is to grow from a job, and how."""

    job: Job
    plot: Plot
    kind: str
    digest: str  # of what was asked for
    number: int = 0  # of the call, among those of its attempt
    wait: bool = False  # the job ends only when the graph has
    join: bool = False  # in lists, its result follows that of the job
    named: bool = False  # by the task: what was asked for may differ between attempts


class Grown(NamedTuple):
    """A graph that stands in the store."""

    workflow_id: str
    seed: str
    jobs: dict[str, str]  # the ids of its nodes' jobs, by their names
    begin: list[NodeRow]  # the nodes that wait for nobody
    new: bool  # it was not there already


class Growing:
    """Plants graphs for attempts that hold their claim; may be repeated."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]
        self._graphs = Graphs(database)
        self._planting = Planting(database)

    async def mark(self, job: Job) -> bool:
        """Note that graphs grow from a job; say whether some attempt had noted it before.

        Raises LeaseLost if the job is not ours any more.
        """
        ours = {**held(job), "status": Status.RUNNING.value}
        with translated():
            before = await self._jobs.find_one_and_update(
                ours, {"$set": {"grown": True}}, projection={"grown": 1}, hint=BY_ID
            )
        if before is None:
            raise LeaseLost(f"job {job.id} has another worker now; nothing can grow from it here")
        return bool(before.get("grown"))

    async def plant(self, growth: Growth, draft: Draft, *, again: bool) -> Grown:
        """Store a graph; with `again`, an earlier attempt may have done so, or begun to.

        Raises GrewOtherwise if it stored another one in its place.
        """
        is_whole = growth.job.workflow_id is None
        plot = alone(growth.plot) if is_whole else growth.plot
        workflow_id = growth.job.workflow_id or plot.seed
        jobs = {
            node.name: node_id(plot.seed, n)
            for n, node in enumerate(draft.graph.nodes)
            if node.task is not None and node.foreach is None and not node.hook
        }
        if again and await self._is_there(growth, plot.seed):
            return Grown(workflow_id, plot.seed, jobs, [], new=False)
        plan = _plan(growth, draft, plot, workflow_id, is_whole=is_whole)
        rows = await self._planting.store(plan)
        return Grown(workflow_id, plot.seed, jobs, rows, new=True)

    async def _is_there(self, growth: Growth, seed: str) -> bool:
        """Say whether the graph was stored; what nobody can have begun is cleared away."""
        graph = await self._graphs.graph(seed)
        if graph is None:
            return False
        if graph.get("held") or not graph.get("planted"):
            await self._planting.clear(seed)
            return False
        if graph["digest"] != growth.digest and not growth.named:
            raise GrewOtherwise(growth.job.id, growth.plot.path)
        return True


def digest_of(document: Any) -> str:
    """Return what tells graphs apart that a task asks for."""
    return sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _plan(growth: Growth, draft: Draft, plot: Plot, workflow_id: str, *, is_whole: bool) -> Plan:
    said: Document = {
        "owner": growth.job.id,
        "kind": growth.kind,
        "wait": growth.wait,
        "digest": growth.digest,
        "number": growth.number,
        "path": plot.path,
    }
    if growth.join:
        said["join"] = True
    if growth.kind == REPLACES:
        said["held"] = True
    if is_whole:
        fields = draft.fields
        said |= {"root": True, "tags": fields.tags, "metadata": dump(fields.metadata)}
        said["run_at"] = draft.run_at

    def job_of(node: Node, job_id: str) -> Job:
        return replace(draft.job_of(node, job_id), parent_id=growth.job.id)

    return plan_of(
        draft.graph,
        workflow_id=workflow_id,
        plot=plot,
        job_of=job_of,
        now=draft.now,
        run_at=draft.run_at,
        said=said,
    )
