"""What references mean: reads results and errors of other nodes, and puts them into a template."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from shared.contracts.attempt import Failure
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.workflow.bits import places_in
from shared.contracts.workflow.foreach import collected, element_ids
from shared.contracts.workflow.names import node_id
from shared.contracts.workflow.resolution import Known, Made, names_in, resolve, resolving
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.rows import NodeRow

_MOST_AT_ONCE = 1000
_OUTCOME = {"status": 1, "result": 1, "grown": 1}


class Before(NamedTuple):
    """The job before another, the only one it waited for: where it stands, and what it gave."""

    node: str
    result: str  # JSON text
    lasts: Callable[[], Awaitable[None]]  # returns once no loss of a primary can undo its end


class Values:
    """Resolves templates; raises BadReference for what points to nothing."""

    def __init__(self, database: Database) -> None:
        self._jobs = database[JOBS]
        self._graphs = Graphs(database)

    async def input_of(self, job: Job, before: Before | None = None) -> Any:
        """Return the input of a job of a workflow, with all its references resolved.

        What it takes from the job before it, if that is given, need not be read.
        """
        if before is not None:
            template, name = orjson.loads(job.input), before.node.rpartition("/")[2]
            if names_in(template) <= {name}:
                known = Known(orjson.loads(before.result), len(before.result))
                return resolve(template, {name: known})
            await before.lasts()
        owner = job.id if job.element is None else job.parent_id
        node = await self._graphs.node(owner or job.id)
        item = None if job.item is None else orjson.loads(job.item)
        template = orjson.loads(job.input)
        if node is None:
            return template
        needs = dict(node.needs)
        if node.hook and "" not in needs and "" in names_in(template):
            needs[""] = await self._failed_first(node)
        return await self.resolve(node.graph, template, needs, item=item)

    async def _failed_first(self, node: NodeRow) -> int:
        """Return which of the parents of a hook failed before the others."""
        failed = [node.of[place] for place in places_in(node.parents.failed)] or list(node.of)
        rows = await self._graphs.nodes([node_id(node.graph, n) for n in failed])
        return min(rows, key=lambda row: (row.ended_at is None, row.ended_at, row.n)).n

    async def resolve(
        self,
        graph: str,
        template: Any,
        needs: Mapping[str, int],
        *,
        item: Any = None,
        subject: Known | None = None,
    ) -> Any:
        """Return the value of a template; `needs` says which node of the graph a name means."""
        named = dict(needs)
        talk = resolving(template, item=item)
        try:
            wanted = next(talk)
            while True:
                told = await self._known(graph, {n: named[n] for n in wanted if n in named}, named)
                if "" in wanted and subject is not None:
                    told[""] = subject
                wanted = talk.send(told)
        except StopIteration as end:
            return end.value

    async def _known(
        self, graph: str, wanted: Mapping[str, int], named: dict[str, int]
    ) -> dict[str, Known | Made]:
        ids = {name: node_id(graph, n) for name, n in wanted.items()}
        outcomes = await self._outcomes(ids.values())
        plain = {an_id for an_id, outcome in outcomes.items() if _says_it_all(outcome)}
        others = [an_id for an_id in ids.values() if an_id not in plain]
        rows = {row.id: row for row in await self._graphs.nodes(others)}
        known: dict[str, Known | Made] = {}
        for name, an_id in ids.items():
            if an_id in plain:
                known[name] = _of_element(outcomes[an_id])
                continue
            row = rows[an_id]
            if row.single:
                known[name] = await self._of_job(row, outcomes.get(an_id))
            elif row.status is not Status.SUCCEEDED:
                known[name] = Known(missing=True, error=row.cause)
            elif row.foreach is not None:
                known[name] = await self._list_of(row)
            else:
                named |= dict(row.needs)
                known[name] = Made(orjson.loads(row.template or "null"))
        return known

    async def _of_job(self, row: NodeRow, outcome: Document | None) -> Known:
        if outcome is None or outcome["status"] != Status.SUCCEEDED.value:
            return Known(missing=True, error=row.cause)
        known = _of_element(outcome)
        if not outcome.get("grown"):
            return known
        joined = [
            await self.resolve(graph["_id"], orjson.loads(graph["result"]), dict(graph["needs"]))
            for graph in await self._graphs.joined_to(row.id)
        ]
        return known._replace(joined=tuple(joined))

    async def _list_of(self, row: NodeRow) -> Known:
        total = row.elements.total if row.elements else 0
        ids = list(element_ids(row.id, range(total), run=row.list_run))
        outcomes = await self._outcomes(ids)
        elements = [_of_element(outcomes.get(each)) for each in ids]
        return Known(collected(elements), sum(e.size for e in elements) + 2)

    async def _outcomes(self, ids: Iterable[str]) -> dict[str, Document]:
        wanted = list(ids)
        found: list[Document] = []
        for start in range(0, len(wanted), _MOST_AT_ONCE):
            chunk = {"_id": {"$in": wanted[start : start + _MOST_AT_ONCE]}}
            with translated():
                found += await self._jobs.find(chunk, _OUTCOME).hint(BY_ID).to_list(None)
            await asyncio.sleep(0)  # a list of 100,000 must not hold up the loop
        return {each["_id"]: each for each in found}


def _says_it_all(outcome: Document) -> bool:
    """Say whether a node is worth what its own job gave."""
    return outcome["status"] == Status.SUCCEEDED.value and not outcome.get("grown")


def _of_element(outcome: Document | None) -> Known:
    if outcome is None or outcome["status"] != Status.SUCCEEDED.value:
        return Known(missing=True)
    text = outcome.get("result", "null")
    return Known(orjson.loads(text), len(text))


def failure_in(document: Mapping[str, Any] | None) -> Failure | None:
    """Return the error that a job's document holds."""
    return Failure(**document) if document else None
