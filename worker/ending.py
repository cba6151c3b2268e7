"""How attempts end: written in batches, fenced by their claims, then told to whoever watches."""

from shared.contracts.events import hint_of
from shared.contracts.job import MOVES
from shared.infrastructure.end_statements import End
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.logs import get_logger

log = get_logger(__name__)


class Ending:
    """Writes ends; one that comes after its worker lost the job is discarded and logged."""

    def __init__(self, ends: JobEnds, hints: HintSender) -> None:
        self._ends = ends
        self._hints = hints
        self.finished = 0
        self.discarded = 0

    async def write(self, batch: list[End]) -> None:
        """Store a batch, then tell of it."""
        late = await self._ends.write(batch)
        self.finished += len(batch) - len(late)
        self.discarded += len(late)
        lost = {end.job.id for end in late}
        for job_id in lost:
            log.warning("end.discarded", job_id=job_id, reason="another worker has the job now")
        self._hints.tell(
            hint_of(end.job, f"job.{MOVES[end.move][1]}") for end in batch if end.job.id not in lost
        )
