"""Lets ended jobs go from history once they are old enough: the live set stays small."""

import time
from datetime import datetime, timedelta

from shared.infrastructure.retention import MOST, Retention
from shared.infrastructure.workflow.retention import WorkflowRetention

EVERY = 10.0  # seconds
FULL = MOST
_WHOLE_PASS_EVERY = 3600.0  # seconds; in between, only what has ended since the last look


class Forgetting:
    """Removes a bounded batch at a time, of the jobs with the usual retention and of the others."""

    def __init__(self, retention: Retention, workflows: WorkflowRetention, age: timedelta) -> None:
        self._retention = retention
        self._workflows = workflows
        self._age = age
        self._since: datetime | None = None  # nothing older is left, but jobs with their own
        self._whole_pass_at = time.monotonic()
        self._own = -1.0  # seconds; the retention that was looked at last

    async def step(self) -> int:
        """Forget some; return how many."""
        jobs = await self._forget_the_usual() + await self._forget_those_with_their_own()
        return jobs + await self._workflows.forget(self._age)

    async def _forget_the_usual(self) -> int:
        if time.monotonic() - self._whole_pass_at > _WHOLE_PASS_EVERY:
            self._since, self._whole_pass_at = None, time.monotonic()
        ended = await self._retention.ended_before(self._age, since=self._since)
        if not ended:
            return 0
        self._since = ended[-1][1]
        return await self._retention.forget([job_id for job_id, _ in ended])

    async def _forget_those_with_their_own(self) -> int:
        """Each step looks at one retention that jobs ask for, in turn: there are few."""
        own = await self._retention.next_of_their_own(self._own)
        if own is None:
            self._own = -1.0
            return 0
        ids = await self._retention.past_their_own(own)
        if len(ids) < MOST:
            self._own = own
        return await self._retention.forget(ids)
