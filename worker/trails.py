"""Steps of chains that are stored and could still be undone: proven to last, many at a time.

From one job of a chain to the next nothing waits for the disk. The claim of the first one lasts, so
nobody else can run any of them while this worker lives; what the loss of a primary undoes is done
again in its order. Only of what lasts anybody is told (docs/decisions/0026).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.end_statements import End
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workflow.inheriting import Bequest, Inheriting
from shared.infrastructure.writes import until_stored

PROVEN_WITHIN = 0.02  # seconds
log = get_logger(__name__)

Tell = Callable[[Sequence[Bequest], Sequence[End]], None]
"""Tells of steps that last, but for the ends that came too late."""


class Trail:
    """The steps on which a slot has come to its job, as far as they are not known to last."""

    __slots__ = ("_proofs", "steps")

    def __init__(self, proofs: "GroupCommit[Trail]") -> None:
        self._proofs = proofs
        self.steps: list[Bequest] = []

    def add(self, step: Bequest) -> None:
        """Note one more step; it is proven soon."""
        if not self.steps:
            self._proofs.put(self, within=PROVEN_WITHIN)
        self.steps.append(step)

    async def proven(self) -> None:
        """Return once all steps last, or are known to have come too late."""
        if self.steps:
            await self._proofs.put(self)


class Trails:
    """Makes trails, and proves them."""

    def __init__(self, inheriting: Inheriting, tell: Tell) -> None:
        self._inheriting = inheriting
        self._tell = tell
        self._proofs = GroupCommit[Trail](self._prove)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Trails"]:
        """Prove in the background; what is left at the end is still proven."""
        async with self._proofs.running():
            yield self

    def new(self) -> Trail:
        """Return a trail without steps."""
        return Trail(self._proofs)

    async def _prove(self, trails: list[Trail]) -> None:
        asked = [(trail, list(trail.steps)) for trail in dict.fromkeys(trails) if trail.steps]
        ends = [steps[-1] for _, steps in asked]
        all_last = not ends or await until_stored(lambda: self._inheriting.last(ends))
        for trail, steps in asked:
            late = [] if all_last else await self._done_again(steps)
            del trail.steps[: len(steps)]
            if trail.steps:  # taken while we asked
                self._proofs.put(trail, within=PROVEN_WITHIN)
            self._tell(steps, late)

    async def _done_again(self, steps: list[Bequest]) -> list[End]:
        """Repeat steps that may have been undone; return the ends that came too late."""
        if await until_stored(lambda: self._inheriting.last(steps[-1:])):
            return []
        log.warning("chain.repeated", steps=len(steps), reason="the primary lost its last writes")
        late: list[End] = []
        for step in steps:
            late += (await self._inheriting.write([step])).late
        return late
