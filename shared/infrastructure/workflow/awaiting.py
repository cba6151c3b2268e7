"""Which jobs the jobs of workflows wait for: for those who ask why one does not run."""

from collections.abc import Iterable, Sequence
from itertools import islice

from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.record import record
from shared.contracts.workflow.bits import from_words, places_in
from shared.contracts.workflow.foreach import element_ids, element_path
from shared.contracts.workflow.names import node_id
from shared.infrastructure.collections import GRAPHS
from shared.infrastructure.mongo import Database, translated
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.node_jobs import FOR_JOBS
from shared.infrastructure.workflow.rows import NodeRow

MOST = 20
"""How many of them are named."""


@record
class Awaited:
    """What one job waits for."""

    open: int = 0
    ids: tuple[str, ...] = ()  # of the first few; of a foreach, that of its node
    nodes: tuple[str, ...] = ()  # their paths

    @property
    def left_out(self) -> bool:
        """Say whether there are more than are named."""
        return self.open > len(self.nodes)


class Awaiting:
    """Looks at nodes and graphs only if one of the jobs waits for jobs."""

    def __init__(self, database: Database) -> None:
        self._nodes = Graphs(database)
        self._graphs = database[GRAPHS]

    async def of(self, jobs: Sequence[Job]) -> dict[str, Awaited]:
        """Return by id what those of the jobs that wait for jobs wait for."""
        waiting = [j for j in jobs if j.status is Status.WAITING and j.because == FOR_JOBS]
        if not waiting:
            return {}
        places = await self._of_grown([job.id for job in waiting if job.starts])
        fresh = [job for job in waiting if not job.starts]
        rows = await self._nodes.nodes(
            sorted({(job.parent_id if job.element is not None else job.id) or "" for job in fresh})
        )
        by_id = {row.id: row for row in rows}
        places |= {
            job.id: _parents_of(by_id[job.id])
            for job in fresh
            if job.element is None and job.id in by_id
        }
        named = await self._named(ids for _, ids in places.values())
        found = {
            job_id: Awaited(
                open=open_, ids=ids, nodes=tuple(named[each] for each in ids if each in named)
            )
            for job_id, (open_, ids) in places.items()
        }
        return found | {
            job.id: _before(by_id[job.parent_id or ""], job.element)
            for job in fresh
            if job.element is not None and job.parent_id in by_id
        }

    async def _of_grown(self, owners: Sequence[str]) -> dict[str, tuple[int, tuple[str, ...]]]:
        """Return the open members of the graphs that these jobs wait for."""
        places: dict[str, tuple[int, tuple[str, ...]]] = {}
        if not owners:
            return places
        query = {"owner": {"$in": list(owners)}, "wait": True, "status": "running"}
        with translated():
            found = await self._graphs.find(query, {"owner": 1, "open": 1}).to_list(None)
        for graph in found:
            open_, ids = _first(graph["_id"], from_words(graph["open"]))
            before, known = places.get(graph["owner"], (0, ()))
            places[graph["owner"]] = before + open_, (known + ids)[:MOST]
        return places

    async def _named(self, ids: Iterable[tuple[str, ...]]) -> dict[str, str]:
        wanted = sorted({each for those in ids for each in those})
        return {row.id: row.path for row in await self._nodes.nodes(wanted)} if wanted else {}


def _first(graph: str, places: int) -> tuple[int, tuple[str, ...]]:
    few = islice(places_in(places), MOST)
    return places.bit_count(), tuple(node_id(graph, n) for n in few)


def _parents_of(row: NodeRow) -> tuple[int, tuple[str, ...]]:
    open_ = row.parents.open
    few = islice(places_in(open_), MOST)
    return open_.bit_count(), tuple(node_id(row.graph, row.of[place]) for place in few)


def _before(row: NodeRow, element: int) -> Awaited:
    """Return what an element waits for: those of the same list that go first."""
    if row.elements is None:
        return Awaited()
    before = [place for place in places_in(row.elements.open) if place < element]
    few = before[:MOST]
    ids = tuple(element_ids(row.id, few, run=row.list_run))
    paths = tuple(element_path(row.path, each) for each in few)
    return Awaited(open=len(before), ids=ids, nodes=paths)
