"""Nodes that run once for each element of a list (`foreach`): they expand, go on and end."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.workflow.faults import BadReference
from shared.contracts.workflow.foreach import element_ids, elements_of, next_to_start
from shared.contracts.workflow.run_if import Signal, signal_of
from shared.infrastructure.workflow.elements import element_jobs
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.opening import Opening
from shared.infrastructure.workflow.progress import NodeEnd, Progress, cause_of, refused
from shared.infrastructure.workflow.rows import NodeRow
from shared.infrastructure.workflow.values import Values


class Lists:
    """Carries lists of nodes on. Each step may be repeated."""

    def __init__(self, graphs: Graphs, jobs: NodeJobs, values: Values, opening: Opening) -> None:
        self._graphs = graphs
        self._jobs = jobs
        self._values = values
        self._opening = opening

    async def expand(self, whole: NodeRow, done: Progress) -> list[NodeEnd]:
        """Make a job of each element of a node's list; return the node's end if that fails it."""
        try:
            template = orjson.loads(whole.foreach or "null")
            value = await self._values.resolve(whole.graph, template, dict(whole.needs))
            elements = elements_of(value, node=whole.path)
        except BadReference as error:
            return [refused(whole, error)]
        expanded = await self._graphs.expand(whole.id, len(elements), run=whole.run)
        if expanded is None or expanded.elements is None:
            return []
        if not elements:
            return [NodeEnd(whole, Status.SUCCEEDED, Signal.GOOD)]
        await self._jobs.add(element_jobs(whole, elements, now=datetime.now(UTC)))
        await self._open_elements(expanded, 0, done)
        await self._graphs.start([whole.id])  # last: until then it would be expanded once more
        return []

    async def end_elements(self, jobs: Sequence[Job], done: Progress) -> list[NodeEnd]:
        """Note ends of elements, open those that come next; return the nodes that have ended."""
        by_node: defaultdict[str, list[Job]] = defaultdict(list)
        for job in jobs:
            by_node[job.parent_id or ""].append(job)
        ends: list[NodeEnd] = []
        for node, those in by_node.items():
            news: defaultdict[Signal, list[int]] = defaultdict(list)
            for job in those:
                news[signal_of(job.status)].append(job.element or 0)
            told = await self._graphs.tell_of_elements(node, news)
            if told is None or told[0].elements is None:
                continue
            row, opened = told
            await self._open_elements(row, opened, done)
            if not told[0].elements.open:
                ends.append(await self._end_of_list(row, those))
        return ends

    async def _open_elements(self, row: NodeRow, opened: int, done: Progress) -> None:
        assert row.elements is not None
        places = next_to_start(row.elements, row.max_parallel, opened=opened)
        if places:
            ids = element_ids(row.id, places, run=row.list_run)
            await self._opening.open([(row, each) for each in ids], done)
            await self._graphs.opened(row.id, places[-1] + 1)

    async def _end_of_list(self, row: NodeRow, latest: Sequence[Job]) -> NodeEnd:
        assert row.elements is not None
        failed = row.elements.failed
        if not failed or row.tolerate:
            return NodeEnd(row, Status.SUCCEEDED, Signal.GOOD)
        first = (failed & -failed).bit_length() - 1
        [first_id] = element_ids(row.id, [first], run=row.list_run)
        known = {job.id: job for job in latest}
        found = [known[first_id]] if first_id in known else await self._jobs.read([first_id])
        cause = cause_of(found[0], f"{row.path}/{first}") if found else None
        cancelled = any(job.status is Status.CANCELLED for job in (*found, *latest))
        status = Status.CANCELLED if cancelled else Status.FAILED
        return NodeEnd(row, status, Signal.FAILED, cause)
