"""Looks now and then whether the promises hold. What it finds is a defect of ours, or trouble."""

from datetime import timedelta

from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.job_times import JobTimes
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workers import Workers
from worker.keeper.lanes import Lanes

EVERY = 30.0  # seconds
_LATE = timedelta(seconds=60)
_MOST = 100
log = get_logger(__name__)


class Invariants:
    """Counts what should never be there; the counts must stay at 0."""

    def __init__(self, rescue: JobRescue, times: JobTimes, workers: Workers, lanes: Lanes) -> None:
        self._rescue = rescue
        self._times = times
        self._workers = workers
        self._lanes = lanes
        self._gone: set[str] = set()  # workers of running jobs that were not alive last time
        self.broken: dict[str, int] = {}

    async def step(self) -> int:
        """Look at each invariant; return how many are broken."""
        found = {
            "running without a live worker": await self._without_a_worker(),
            "unsettled for a minute": await self._rescue.unsettled_for(_LATE, most=_MOST),
            "in a lane without a place": self._lanes.stuck,
            "due for a minute": await self._times.late_to_open(_LATE, most=_MOST),
        }
        self.broken = {name: count for name, count in found.items() if count}
        for name, count in self.broken.items():
            log.error("invariant.broken", invariant=name, count=count, counted_up_to=_MOST)
        return len(self.broken)

    async def _without_a_worker(self) -> int:
        """Twice in a row: the first time the rescue may be about to see it."""
        named = await self._rescue.workers_of_running_jobs()
        gone = named - {row["_id"] for row in await self._workers.live()}
        still, self._gone = gone & self._gone, gone
        return len(still)
