"""Reading workflows for those who look at them: the whole, pages of nodes, counts, and results."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pymongo import ASCENDING, DESCENDING
from pymongo.read_concern import ReadConcern

from shared.contracts.errors import Forgotten, NotFound
from shared.contracts.moves import Status
from shared.contracts.workflow.foreach import element_ids
from shared.infrastructure.aggregation import aggregated
from shared.infrastructure.collections import BY_ID, GRAPHS, JOBS, NODES, TOMBSTONES
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.shared_reads import SharedReads
from shared.infrastructure.workflow.rows import STARTED, WAITING, NodeRow, node_row

_RUNNING = "running"
_WHOLE: Document = {"root": True, "planted": True, "forgotten": None}
_AT_ONCE = 1024  # a divisor of the ids that sort by place, so that no chunk holds a seam
_IN_A_BATCH = 100  # results in one answer of the database: each may have megabytes
_DURATIONS = 30  # of recent jobs of a task
_MOST_TASKS = 50
_OUTCOME = {"status": 1, "result": 1, "error": 1, "node": 1, "element": 1}


class Place(NamedTuple):
    """Where a node stands: in which graph, and there at which place."""

    graph: str
    n: int


class Standing(NamedTuple):
    """How a workflow stands, in short."""

    status: str
    version: int

    @property
    def done(self) -> bool:
        """Say whether it has ended."""
        return self.status != _RUNNING


class Overview:
    """Reads what a majority has acknowledged, so that nothing shown can be rolled back."""

    def __init__(self, database: Database) -> None:
        concern = ReadConcern("majority")
        self._graphs = database.get_collection(GRAPHS, read_concern=concern)
        self._nodes = database.get_collection(NODES, read_concern=concern)
        self._jobs = database.get_collection(JOBS, read_concern=concern)
        self._tombstones = database[TOMBSTONES]
        self._standings = SharedReads(self._read_standings)

    async def workflow(self, workflow_id: str) -> Document:
        """Return the document of a workflow's own graph; raise NotFound."""
        with translated():
            found = await self._graphs.find_one({"_id": workflow_id, **_WHOLE})
        if found is None:
            raise await self._absent(workflow_id)
        return found

    async def standing(self, workflow_id: str) -> Standing:
        """Return how a workflow stands; raise NotFound."""
        found = await self._standings.get(workflow_id)
        if found is None:
            raise await self._absent(workflow_id)
        return found

    async def _absent(self, workflow_id: str) -> NotFound:
        with translated():
            found = await self._tombstones.find_one({"_id": workflow_id})
        if found is not None:
            return Forgotten(f"workflow {workflow_id} has ended and was removed from the history")
        return NotFound(f"there is no workflow {workflow_id}")

    async def _read_standings(self, ids: Iterable[str]) -> dict[str, Standing]:
        shown = {"status": 1, "version": 1}
        with translated():
            found = await self._graphs.find({"_id": {"$in": list(ids)}, **_WHOLE}, shown).to_list(
                None
            )
        return {each["_id"]: Standing(each["status"], each["version"]) for each in found}

    async def versions(self, ids: Iterable[str]) -> dict[str, int]:
        """Return the version of each of the workflows that exist."""
        wanted = list(ids)
        versions: dict[str, int] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            chunk = {"_id": {"$in": wanted[start : start + _AT_ONCE]}}
            with translated():
                found = await self._graphs.find(chunk, {"version": 1}).hint(BY_ID).to_list(None)
            versions |= {each["_id"]: each["version"] for each in found}
        return versions

    async def page(
        self, filters: Mapping[str, Any], *, size: int, newest_first: bool, after: str | None
    ) -> list[Document]:
        """Return up to `size` workflows that match, in order of creation, beyond the id `after`."""
        beyond = {"_id": {"$lt" if newest_first else "$gt": after}} if after else {}
        query: Document = {"$and": [{**_WHOLE, **filters}, beyond]}
        order = DESCENDING if newest_first else ASCENDING
        with translated():
            return await self._graphs.find(query).sort("_id", order).limit(size).to_list(None)

    async def graphs_of(self, workflow_id: str) -> dict[str, int]:
        """Return the graphs of a workflow, its own first, and how many nodes each has."""
        with translated():
            found = await self._graphs.find({"workflow_id": workflow_id}, {"total": 1}).to_list(
                None
            )
        totals = {each["_id"]: each["total"] for each in sorted(found, key=lambda g: str(g["_id"]))}
        return {workflow_id: totals.pop(workflow_id, 0), **totals}

    async def nodes(
        self, graphs: Sequence[str], *, most: int, after: Place | None = None
    ) -> list[Document]:
        """Return nodes of these graphs, the first graph's before all others', in declared order.

        Their templates are left out; `foreach` only says whether there is one.
        """
        own, others = graphs[0], list(graphs[1:])
        found: list[Document] = []
        if after is None or after.graph == own:
            beyond = {} if after is None else {"n": {"$gt": after.n}}
            found = await self._outlines({"graph": own, **beyond}, most)
            after = None
        if len(found) < most and others:
            query: Document = {"graph": {"$in": others}}
            if after is not None:
                behind = [{"graph": {"$gt": after.graph}}]
                query["$or"] = [*behind, {"graph": after.graph, "n": {"$gt": after.n}}]
            found += await self._outlines(query, most - len(found))
        return found

    async def _outlines(self, query: Document, most: int) -> list[Document]:
        has_list = {"$ne": [{"$type": "$foreach"}, "missing"]}
        stages: list[Document] = [
            {"$match": query},
            {"$sort": {"graph": 1, "n": 1}},
            {"$limit": most},
            {"$unset": ["template", "job", "edges", "needs"]},
            {"$set": {"foreach": has_list}},
        ]
        return await aggregated(self._nodes, stages)

    async def names(self, places: Iterable[Place]) -> dict[Place, str]:
        """Return the paths of the nodes at these places."""
        by_graph: dict[str, list[int]] = {}
        for place in places:
            by_graph.setdefault(place.graph, []).append(place.n)
        names: dict[Place, str] = {}
        for graph, ns in by_graph.items():
            with translated():
                found = await self._nodes.find(
                    {"graph": graph, "n": {"$in": ns}}, {"n": 1, "path": 1}
                ).to_list(None)
            names |= {Place(graph, each["n"]): each["path"] for each in found}
        return names

    async def jobs(self, ids: Sequence[str]) -> dict[str, Document]:
        """Return how far the jobs of nodes have come, without what may be large in them."""
        shown = {"status": 1, "attempt": 1, "version": 1, "because": 1, "due_at": 1}
        found: list[Document] = []
        for start in range(0, len(ids), _AT_ONCE):
            wanted = {"_id": {"$in": list(ids[start : start + _AT_ONCE])}}
            with translated():
                found += await self._jobs.find(wanted, shown).hint(BY_ID).to_list(None)
        return {each["_id"]: each for each in found}

    async def counts(self, workflow_id: str, graphs: Sequence[str]) -> Counter[str]:
        """Return how many nodes stand in each status, without reading the nodes one by one."""
        match: Document = {"$match": {"graph": {"$in": list(graphs)}}}
        has_list = {"$ne": [{"$type": "$foreach"}, "missing"]}
        key = {"state": "$state", "status": "$status", "foreach": has_list}
        groups = await aggregated(
            self._nodes, [match, {"$group": {"_id": key, "count": {"$sum": 1}}}]
        )
        counts: Counter[str] = Counter()
        started = 0
        for group in groups:
            state, count = group["_id"]["state"], group["count"]
            if state == STARTED and not group["_id"]["foreach"]:
                started += count
            else:
                status = group["_id"].get("status") if state not in (STARTED, WAITING) else None
                usual = Status.WAITING if state == WAITING else Status.RUNNING
                counts[status or usual.value] += count
        return counts + await self._of_started(workflow_id, started)

    async def _of_started(self, workflow_id: str, started: int) -> Counter[str]:
        if not started:
            return Counter()
        under_way = [Status.QUEUED.value, Status.RUNNING.value]
        match: Document = {
            "$match": {
                "workflow_id": workflow_id,
                "status": {"$in": under_way},
                "element": None,
            }
        }
        found = await aggregated(
            self._jobs, [match, {"$group": {"_id": "$status", "count": {"$sum": 1}}}]
        )
        counts = Counter({each["_id"]: each["count"] for each in found})
        counts[Status.WAITING.value] += max(0, started - counts.total())
        return counts

    async def node(self, graphs: Sequence[str], path: str) -> NodeRow:
        """Return the node with this path; raise NotFound."""
        with translated():
            found = await self._nodes.find_one({"graph": {"$in": list(graphs)}, "path": path})
        if found is None:
            raise NotFound(f"workflow {graphs[0]} has no node {path[:200]!r}")
        return node_row(found)

    async def unexpanded(self, graphs: Sequence[str]) -> list[NodeRow]:
        """Return the nodes with `foreach` whose list is not known yet: they have no jobs."""
        with translated():
            found = await self._nodes.find(
                {"graph": {"$in": list(graphs)}, "state": WAITING, "foreach": {"$exists": True}}
            ).to_list(None)
        return [row for row in map(node_row, found) if row.elements is None]

    async def rows(self, graphs: Sequence[str]) -> AsyncIterator[NodeRow]:
        """Yield all nodes of these graphs, the first graph's before all others'."""
        for query in ({"graph": graphs[0]}, {"graph": {"$in": list(graphs[1:])}}):
            cursor = self._nodes.find(query).sort([("graph", 1), ("n", 1)]).batch_size(_AT_ONCE)
            with translated():
                async for document in cursor:
                    yield node_row(document)

    async def outcomes(self, row: NodeRow) -> AsyncIterator[Document]:
        """Yield the jobs that do a node's work, with their results, in declared order."""
        if row.single:
            chunks: list[list[str]] = [[row.id]]
        else:
            total = row.elements.total if row.elements else 0
            starts = range(0, total, _AT_ONCE)
            chunks = [
                list(elements_of(row, range(start, min(total, start + _AT_ONCE))))
                for start in starts
            ]
        for ids in chunks:
            cursor = self._jobs.find({"_id": {"$in": ids}}, _OUTCOME).hint(BY_ID).sort("_id", 1)
            with translated():
                async for document in cursor.batch_size(_IN_A_BATCH):
                    yield document

    async def usual_seconds(self, tasks: Iterable[str]) -> dict[str, float]:
        """Return how long recent jobs of these tasks took; a task without any is left out."""
        seconds: dict[str, float] = {}
        for task in list(tasks)[:_MOST_TASKS]:
            shown = {"started_at": 1, "finished_at": 1, "status": 1}
            with translated():
                found = (
                    await self._jobs.find({"task": task}, shown)
                    .sort("_id", DESCENDING)
                    .limit(_DURATIONS)
                    .to_list(None)
                )
            took = sorted(
                (each["finished_at"] - each["started_at"]).total_seconds()
                for each in found
                if each["status"] == Status.SUCCEEDED.value and each.get("started_at")
            )
            if took:
                seconds[task] = took[len(took) // 2]
        return seconds


def elements_of(row: NodeRow, indexes: Iterable[int]) -> Iterable[str]:
    """Return the job ids of elements of a node."""
    return element_ids(row.id, indexes, run=row.list_run)
