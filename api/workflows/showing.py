"""Reading workflows as clients see them: one, pages of them, pages of nodes, streams of results."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from api.workflows import views
from api.workflows.views import MOST_NODES_SHOWN, Facts
from shared.contracts.moves import Status
from shared.contracts.workflow.faults import BadReference
from shared.infrastructure.mongo import Database
from shared.infrastructure.workflow.graph_ends import GraphEnds
from shared.infrastructure.workflow.overview import Overview, Place
from shared.infrastructure.workflow.rows import NodeRow
from shared.infrastructure.workflow.values import Values


class Showing:
    """Makes views of what the store holds."""

    def __init__(self, database: Database) -> None:
        self.overview = Overview(database)
        self._values = Values(database)
        self._ends = GraphEnds(database, self._values)

    async def view(self, workflow_id: str) -> Facts:
        """Return a workflow with its nodes, or without them if they are many; raise NotFound."""
        graph = await self.overview.workflow(workflow_id)
        graphs = await self.overview.graphs_of(workflow_id)
        total = sum(graphs.values())
        whole = views.summary(graph) | {"total": total}
        hooks = await self._hooks(graph)
        result = await self._result(graph)
        if total > MOST_NODES_SHOWN:
            counts = views.counts_of(await self.overview.counts(workflow_id, list(graphs)))
            return views.whole_view(whole, None, counts, result=result, hooks=hooks)
        nodes, _ = await self.nodes(list(graphs), most=MOST_NODES_SHOWN)
        counts = views.counts_of(views.statuses_of(nodes))
        return views.whole_view(whole, nodes, counts, result=result, hooks=hooks)

    async def nodes(
        self, graphs: Sequence[str], *, most: int, after: Place | None = None
    ) -> tuple[dict[str, Facts], Place | None]:
        """Return nodes by their paths, and where the next page begins behind."""
        found = await self.overview.nodes(graphs, most=most + 1, after=after)
        page = found[:most]
        names = {views.place_of(each): each["path"] for each in page}
        parents = {Place(each["graph"], n) for each in page for n in each.get("of", ())}
        names |= await self.overview.names(parents - names.keys())
        jobs = await self.overview.jobs([each["_id"] for each in page if views.has_begun(each)])
        shown = {each["path"]: views.node_view(each, jobs.get(each["_id"]), names) for each in page}
        return shown, views.place_of(page[-1]) if len(found) > most else None

    async def results(self, graphs: Sequence[str], row: NodeRow | None) -> AsyncIterator[bytes]:
        """Yield a line for each job of a node, or of all nodes; none is held for long."""
        if row is not None:
            async for line in self._lines(row):
                yield line
            return
        async for each in self.overview.rows(graphs):
            async for line in self._lines(each):
                yield line

    async def _lines(self, row: NodeRow) -> AsyncIterator[bytes]:
        if row.task is None:
            yield await self._line_of_value(row)
            return
        async for job in self.overview.outcomes(row):
            yield views.line_of(row.path, job)

    async def _line_of_value(self, row: NodeRow) -> bytes:
        """Return the line of a node that is put together from others."""
        value, error = None, row.cause
        if row.status is Status.SUCCEEDED:
            try:
                template = orjson.loads(row.template or "null")
                value = await self._values.resolve(row.graph, template, dict(row.needs))
            except BadReference as bad:
                error = {"type": bad.code, "message": str(bad)}
        status = views.status_of({"state": row.state, "status": row.status}, None)
        job: dict[str, Any] = {"_id": None, "status": status, "node": row.path, "error": error}
        return views.line_of(row.path, job | {"result": orjson.dumps(value).decode()})

    async def _result(self, graph: Mapping[str, Any]) -> Any:
        if graph["status"] != Status.SUCCEEDED.value:
            return None
        try:
            return await self._ends.result_of(dict(graph))
        except BadReference:
            return None  # what was removed from the history meanwhile

    async def _hooks(self, graph: Mapping[str, Any]) -> list[Facts]:
        """Return the hooks of the whole that run or have run."""
        kinds = ("on_success", "on_failure")
        hooks = {hook["job"]["_id"]: hook["job"] for kind in kinds for hook in graph.get(kind, ())}
        jobs = await self.overview.jobs(list(hooks)) if hooks else {}
        return [
            {"node": hook["node"], "task": hook["task"], "id": an_id, **_status(jobs[an_id])}
            for an_id, hook in hooks.items()
            if an_id in jobs
        ]


def _status(job: Mapping[str, Any]) -> Facts:
    return {"status": job["status"]}
