"""Follow-ups of the jobs that end here: workflows move on, and what becomes runnable runs at once.

A few next jobs are claimed by this very worker, without the way through RabbitMQ; many are rung
for, so that all workers share them. If this process dies, the keeper finds both.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from shared.contracts.bells import into_bells
from shared.infrastructure.bell_ringer import BellRinger
from shared.infrastructure.workflow.progress import Runnable
from worker.own_bell import OwnBell
from worker.slots import Slots

_MOST_HERE = 8  # jobs that one step of follow-ups keeps for this worker


class NextJobs:
    """Brings runnable jobs to a worker: this one, or whichever hears the bell."""

    def __init__(
        self,
        *,
        queues: Sequence[str],
        tasks: Sequence[str],
        slots: Slots,
        ringer: BellRinger,
        hear: Callable[[OwnBell], None],
    ) -> None:
        self._queues = frozenset(queues)
        self._tasks = frozenset(tasks)
        self._slots = slots
        self._ringer = ringer
        self._hear = hear

    async def bring(self, jobs: Sequence[Runnable]) -> None:
        """Take a few jobs if there is room for them, and ring for the others."""
        room = min(_MOST_HERE, self._slots.free)
        here = [job for job in jobs if job.queue in self._queues and job.task in self._tasks][:room]
        for band, ids in _by_band(here).items():
            self._hear(OwnBell(band, ids, self._ringer))
        kept = {job.id for job in here}
        others = [job for job in jobs if job.id not in kept]
        for band, ids in _by_band(others).items():
            for bell in into_bells(ids):
                await self._ringer.ring(band, bell)


def _by_band(jobs: Sequence[Runnable]) -> dict[str, list[str]]:
    by_band: dict[str, list[str]] = defaultdict(list)
    for job in jobs:
        by_band[job.band].append(job.id)
    return by_band
