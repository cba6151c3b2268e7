"""How attempts end: written in batches, fenced by their claims, then told to whoever watches."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.end_statements import PUT_OFF, End
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.logs import get_logger

log = get_logger(__name__)

_NOBODY: Mapping[str, str] = {}


class Followed(NamedTuple):
    """A job that has ended and that others wait for, and the one of them that runs already."""

    job: Job
    heir: str | None = None


Follow = Callable[[Followed], object]


def _nothing(_: Followed) -> None:
    """Follow nobody."""


class Ending:
    """Writes ends; one that comes after its worker lost the job is discarded and logged."""

    def __init__(self, ends: JobEnds, hints: HintSender, *, follow: Follow = _nothing) -> None:
        self._ends = ends
        self._hints = hints
        self._follow = follow  # takes ended jobs that others wait for
        self.finished = 0
        self.discarded = 0

    async def write(self, batch: list[End]) -> None:
        """Store a batch, then tell of it."""
        self.tell(batch, await self._ends.write(batch))

    def tell(
        self, batch: Sequence[End], late: Sequence[End], *, taken: Mapping[str, str] = _NOBODY
    ) -> None:
        """Tell of stored ends, but for those that came too late.

        `taken` names the jobs that run already because the one before them has ended. If all have
        such, the hints may wait for those of the next ones.
        """
        self.finished += len(batch) - len(late)
        self.discarded += len(late)
        lost = {end.job.id for end in late}
        for job_id in lost:
            log.warning("end.discarded", job_id=job_id, reason="another worker has the job now")
        for end in batch:
            if end.has_followers and end.job.id not in lost:
                self._follow(Followed(end.after, taken.get(end.job.id)))
        told = (hint_of(end.job, end.event) for end in batch if end.job.id not in lost)
        self._hints.tell(told, can_wait=len(taken) == len(batch))
        if any(end.move in PUT_OFF for end in batch):
            self._hints.tell_due(end.delay for end in batch if end.move in PUT_OFF)
