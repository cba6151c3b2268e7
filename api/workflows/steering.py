"""Changing workflows by hand: cancel, retry, run again from a node, skip a node.

Each is decided on what was read and noted by compare-and-set; whoever asked learns what came of it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from api.cancelling import Cancelling
from api.catalogue import Catalogue
from api.problems import ProblemError
from shared.contracts.errors import Fault, InvalidInput, NotFound, StoreUnavailable
from shared.contracts.instants import present
from shared.contracts.job import Job
from shared.contracts.moves import ENDS, Status
from shared.contracts.submission import check_size
from shared.contracts.workflow.fitting import Fitting
from shared.contracts.workflow.graph import Node
from shared.contracts.workflow.redo import to_rerun, to_skip
from shared.contracts.workflow.references import Kind, found_in, unwrapped
from shared.contracts.workflow.resolution import names_in
from shared.contracts.workflow.run_if import Signal, signal_of
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.mongo import Database, Document
from shared.infrastructure.workflow.again import Again
from shared.infrastructure.workflow.graph_ends import as_graph, ended_as
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.overview import Overview
from shared.infrastructure.workflow.progress import NodeEnd, cancelled_list
from shared.infrastructure.workflow.redoing import Redoing
from shared.infrastructure.workflow.rows import WAITING, NodeRow

_AT_ONCE = 1000
_ROUNDS = 10  # what grows faster than this is caught by who cancels again
_UNFINISHED = sorted(status.value for status in set(Status) - ENDS)
_PATIENCE = 5.0  # seconds


class Skip(BaseModel):
    """Which node is to be skipped."""

    model_config = ConfigDict(extra="forbid", strict=True)

    node: str = Field(min_length=1, max_length=2000, description="its path")


class Rerun(Skip):
    """From which node on a workflow is to run again."""

    input: dict[str, Any] | None = Field(
        default=None, description="another input for the node, with references as at first"
    )


class Steering:
    """What can be asked of a workflow that exists."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        cancelling: Cancelling,
        follow_ups: FollowUps,
    ) -> None:
        self._overview = Overview(database)
        self._graphs = Graphs(database)
        self._outlines = JobOutlines(database)
        self._jobs = NodeJobs(database)
        self._moves = JobMoves(database)
        self._redoing = Redoing(database)
        self._catalogue = catalogue
        self._cancelling = cancelling
        self._follow_ups = follow_ups
        self._fitting = Fitting()

    async def cancel(self, workflow_id: str) -> None:
        """Cancel all nodes that have not ended; those that run are asked to stop."""
        graph = await self._overview.workflow(workflow_id)
        await self._graphs.ask_to_cancel(workflow_id)
        if graph.get("unstarted"):  # of what is not stored yet nothing could be cancelled
            advance = self._follow_ups.workflows
            await self._follow_ups.bring(await advance.begin_again(workflow_id))
        asked: set[str] = set()
        for _ in range(_ROUNDS):
            found = await self._unfinished(workflow_id, without=asked)
            lists = await self._waiting_lists(workflow_id)
            if not found and not lists:
                return
            left = [job for page in found for job in await self._cancelling.stop(page)]
            asked |= {job.id for job in left if not job.done}
            # All at once, so that none is skipped because another was told of first.
            await self._follow_ups.settle([job for job in left if job.status is Status.CANCELLED])
            await self._end(map(cancelled_list, lists))

    async def retry(self, workflow_id: str) -> None:
        """Run again what failed and everything downstream of it."""
        graph = await self._ended(workflow_id)
        again = await self._redoing.to_retry(workflow_id)
        if again is None:
            raise ProblemError(
                "nothing-to-retry",
                f"workflow {workflow_id} has {graph['status']}, and no node of it has failed",
                members={"job_status": graph["status"]},
            )
        await self._begin(graph, again)

    async def rerun(self, workflow_id: str, path: str, given: dict[str, Any] | None) -> None:
        """Run a node and everything downstream of it again, perhaps with another input."""
        graph = await self._ended(workflow_id)
        rows = await self._graphs.nodes_of(workflow_id)
        row = _named(rows, path, workflow_id)
        edited = None if given is None else await self._edited(rows, row, given)
        redo = to_rerun(as_graph(rows), [ended_as(each) for each in rows], row.n)
        again = Again(nodes=frozenset(redo.reset), forced=row.n, edited=edited)
        await self._begin(graph, again)

    async def skip(self, workflow_id: str, path: str) -> None:
        """Let a node count as good without a value, so that what depends on it may run."""
        await self._overview.workflow(workflow_id)
        rows = await self._graphs.nodes_of(workflow_id)
        row = _named(rows, path, workflow_id)
        if row.signal is Signal.GOOD:
            raise _cannot_skip(row, f"has {row.status} already")
        if row.signal is not None:
            graph = await self._ended(workflow_id)
            redo = to_skip(as_graph(rows), [ended_as(each) for each in rows], row.n)
            await self._begin(graph, Again(nodes=frozenset(redo.reset), passed=row.n))
        elif row.single:
            await self._skip_job(row)
        elif row.state == WAITING:
            await self._end([_skipped(row)])
        else:
            raise _cannot_skip(row, "is running; cancel the workflow, or wait")

    async def _skip_job(self, row: NodeRow) -> None:
        found = await self._jobs.read([row.id])
        if not found:
            raise _cannot_skip(row, "is gone")
        [job] = found
        if job.status is not Status.WAITING or job.starts:
            raise _cannot_skip(row, f"is {job.status}; cancel its job, or wait")
        now = present()
        after = job.skipped(at=now)
        if not await self._moves.apply(job, after, at=now, patience=_PATIENCE):
            raise _cannot_skip(row, "has changed at this moment; ask again")
        await self._follow_ups.settle([after], tell=True)

    async def _end(self, ends: Iterable[NodeEnd]) -> None:
        """End nodes that have no job of their own yet."""
        if told := list(ends):
            await self._follow_ups.bring(await self._follow_ups.workflows.end_nodes(told))

    async def _begin(self, graph: Document, again: Again) -> None:
        workflow_id = graph["_id"]
        if not await self._redoing.note(graph, again):
            raise StoreUnavailable(f"workflow {workflow_id} has changed meanwhile; ask again")
        await self._follow_ups.bring(await self._follow_ups.workflows.begin_again(workflow_id))

    async def _ended(self, workflow_id: str) -> Document:
        graph = await self._overview.workflow(workflow_id)
        if graph["status"] == "running":
            raise ProblemError(
                "not-finished",
                f"workflow {workflow_id} is running; it has not ended",
                members={"job_status": "running"},
            )
        await self._redoing.settled(workflow_id)
        return graph

    async def _unfinished(self, workflow_id: str, *, without: set[str]) -> list[list[Job]]:
        """Return the jobs that have not ended, in pages."""
        pages: list[list[Job]] = []
        after = None
        filters = {"workflow_id": workflow_id, "status": {"$in": _UNFINISHED}}
        while page := await self._outlines.page(filters, after=after, most=_AT_ONCE):
            after = page[-1].id
            pages.append([job for job in page if job.id not in without])
        return [page for page in pages if page]

    async def _waiting_lists(self, workflow_id: str) -> list[NodeRow]:
        """Return the nodes with `foreach` whose list is not known yet."""
        return await self._overview.unexpanded(list(await self._overview.graphs_of(workflow_id)))

    async def _edited(
        self, rows: Sequence[NodeRow], row: NodeRow, given: dict[str, Any]
    ) -> Document:
        """Return what is stored of a new input; raise InvalidInput."""
        if row.task is None:
            raise InvalidInput([Fault("/input", f"node {row.path!r} has a value and no input")])
        parents = {rows[n].path: n for n in row.of}
        names = names_in(given)
        faults = [
            Fault("/input", f"node {row.path!r} does not depend on {name[:100]!r}")
            for name in sorted(names - parents.keys())
        ]
        faults += [Fault(f.pointer, f.fault) for f in found_in(given, "/input") if f.fault]
        items = any(f.reference and f.reference.kind is Kind.ITEM for f in found_in(given))
        if items and row.foreach is None:
            faults.append(Fault("/input", "$item means something only with `foreach`"))
        if not faults:
            entry = await self._catalogue.get(row.task)
            node = Node(name=row.path, task=row.task, input=given)
            faults = list(self._fitting.faults(node, entry, ""))
        if faults:
            raise InvalidInput(faults)
        templated = bool(names) or row.foreach is not None
        text = orjson.dumps(given if templated else unwrapped(given)).decode()
        check_size(text, "")
        kept = dict(row.needs) if row.foreach is not None else {}
        needs = kept | {name: parents[name] for name in names}
        return {"input": text, "templated": templated, "needs": [list(n) for n in needs.items()]}


def _named(rows: Sequence[NodeRow], path: str, workflow_id: str) -> NodeRow:
    for row in rows:
        if row.path == path:
            return row
    raise NotFound(f"workflow {workflow_id} has no node {path[:200]!r} of its own")


def _cannot_skip(row: NodeRow, why: str) -> ProblemError:
    return ProblemError("not-skippable", f"node {row.path!r} {why}")


def _skipped(row: NodeRow) -> NodeEnd:
    signal = signal_of(Status.SKIPPED, tolerate=row.tolerate, passed=True)
    return NodeEnd(row, Status.SKIPPED, signal)
