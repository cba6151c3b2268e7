"""Begins workflows whose gateway died once they were stored, and removes what is half stored."""

from datetime import timedelta

from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workflow.graphs import Graphs

EVERY = 5.0  # seconds; whoever stores a graph begins it, unless that process dies
SWEEP_EVERY = 60.0  # seconds
MOST = 100
TOO_OLD = timedelta(hours=1)  # to be stored still
log = get_logger(__name__)


class Abandoned:
    """Looks after graphs whose submission was cut short."""

    def __init__(self, graphs: Graphs, follow_ups: FollowUps) -> None:
        self._graphs = graphs
        self._follow_ups = follow_ups
        self._seen: frozenset[str] = frozenset()

    async def begin(self) -> int:
        """Begin graphs that nobody has begun since the last look; return how many."""
        found = await self._graphs.unstarted(most=MOST)
        left = [graph for graph in found if graph in self._seen]
        self._seen = frozenset(found)
        for graph in left:
            log.info("graph.begun", graph=graph)
            await self._follow_ups.bring(await self._follow_ups.workflows.begin_again(graph))
        return len(left)

    async def sweep(self) -> int:
        """Remove graphs that can no longer be stored whole; return how many."""
        found = await self._graphs.unplanted(TOO_OLD, most=MOST)
        return sum([await self._graphs.sweep(graph) for graph in found])
