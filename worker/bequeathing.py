"""Ends of jobs whose heirs go on: written with the heirs' claims, which then start at once."""

from collections.abc import Callable

from shared.contracts.job import Job
from shared.infrastructure.workflow.inheriting import Bequest, Inheriting
from worker.ending import Ending


class Bequeathing:
    """Writes ends that have heirs, and lets these start before anything else follows."""

    def __init__(
        self, inheriting: Inheriting, ending: Ending, *, go_on: Callable[[Bequest, Job], None]
    ) -> None:
        self._inheriting = inheriting
        self._ending = ending
        self._go_on = go_on

    async def write(self, batch: list[Bequest]) -> None:
        """Store a batch, start the heirs that are ours, then tell of the ends."""
        done = await self._inheriting.write(batch)
        for each in batch:
            if heir := done.won.get(each.end.job.id):
                self._go_on(each, heir)
        taken = {parent: heir.id for parent, heir in done.won.items()}
        self._ending.tell([each.end for each in batch], done.late, taken=taken)
