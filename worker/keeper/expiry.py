"""Ends jobs that have not begun before their `expires_at`."""

from shared.infrastructure.job_times import JobTimes
from worker.keeper.unsettled import Unsettled

EVERY = 1.0  # seconds
MOST = 1000


class Expiry:
    """Moves what is too late to `expired`. Its follow-ups are those of every other end."""

    def __init__(self, times: JobTimes, unsettled: Unsettled) -> None:
        self._times = times
        self._unsettled = unsettled

    async def step(self) -> int:
        """Expire what is found; return how much that was."""
        late = await self._times.expiring(most=MOST)
        if not late:
            return 0
        ids = [job.id for job in late]
        expired = await self._times.expire(ids)
        await self._unsettled.settle_those(ids)
        return expired
