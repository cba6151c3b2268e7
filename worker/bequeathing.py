"""Ends of jobs whose heirs go on: written with the heirs' claims, which then start at once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.end_statements import End
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.workflow.inheriting import Bequest, Inheriting, ours
from worker.ending import Ending
from worker.trails import Trail


class Step(NamedTuple):
    """One step of a chain, and those before it that are not known to last."""

    bequest: Bequest
    trail: Trail


class Bequeathing:
    """Writes ends that have heirs, and lets these start before anything else follows."""

    def __init__(
        self,
        inheriting: Inheriting,
        ending: Ending,
        hints: HintSender,
        *,
        go_on: Callable[[Step, Job], None],
    ) -> None:
        self._inheriting = inheriting
        self._ending = ending
        self._hints = hints
        self._go_on = go_on

    async def write(self, batch: list[Step]) -> None:
        """Store a batch and start the heirs that are ours; of what lasts also tell."""
        if await self._inheriting.pass_on([step.bequest for step in batch]):
            for step in batch:
                step.trail.add(step.bequest)
                self._go_on(step, ours(step.bequest))
            return
        for step in batch:
            await step.trail.proven()
        done = await self._inheriting.write([step.bequest for step in batch])
        for step in batch:
            if heir := done.won.get(step.bequest.end.job.id):
                self._go_on(step, heir)
        self._tell([step.bequest for step in batch], done.late, done.won)

    def tell(self, steps: Sequence[Bequest], late: Sequence[End]) -> None:
        """Tell of steps that last: of the ends, but for those too late, and of what followed."""
        lost = {end.job.id for end in late}
        last = [step for step in steps if step.end.job.id not in lost]
        self._tell(steps, late, {step.end.job.id: ours(step) for step in last})

    def _tell(self, steps: Sequence[Bequest], late: Sequence[End], won: dict[str, Job]) -> None:
        self._hints.tell(map(hint_of, won.values()), can_wait=True)
        taken = {parent: heir.id for parent, heir in won.items()}
        self._ending.tell([step.end for step in steps], late, taken=taken)
