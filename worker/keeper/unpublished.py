"""Rings for jobs that are stored and runnable, but for which no bell was confirmed."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from shared.contracts.bells import into_bells
from shared.infrastructure.bell_ringer import BellRinger, Rung
from shared.infrastructure.job_inserts import JobInserts
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.workers import Workers

EVERY = 1.0  # seconds
_OLDER_THAN = timedelta(seconds=2)  # the gateway that stored a younger one is still at it
_MOST = 2000


class Unpublished:
    """Announces what a gateway could not: it died, or the broker was away."""

    def __init__(
        self, rescue: JobRescue, inserts: JobInserts, workers: Workers, ringer: BellRinger
    ) -> None:
        self._rescue = rescue
        self._inserts = inserts
        self._workers = workers
        self._ringer = ringer

    async def step(self) -> int:
        """Ring for jobs whose queue and task some live worker serves; return how many."""
        if not self._ringer.link.up:
            return 0
        live = await self._workers.live()
        found = await self._rescue.unpublished(
            queues=sorted({queue for row in live for queue in row["queues"]}),
            tasks=sorted({task for row in live for task in row["tasks"]}),
            before=datetime.now(UTC) - _OLDER_THAN,
            most=_MOST,
        )
        return await self.ring(found)

    async def ring(self, jobs: Iterable[tuple[str, str]]) -> int:
        """Ring for (queue, id) pairs and mark what was confirmed; return how many that were."""
        by_queue: dict[str, list[str]] = defaultdict(list)
        for queue, job_id in jobs:
            by_queue[queue].append(job_id)
        confirmed = 0
        for queue, ids in by_queue.items():
            for bell in into_bells(ids):
                if await self._ringer.ring(queue, bell) is Rung.CONFIRMED:
                    await self._inserts.mark_published(bell)
                    confirmed += len(bell)
        return confirmed
