"""Suspects: jobs that lost a worker run with fewer and fewer others like them.

A job that kills its process takes its neighbours' claims with it, and nobody can tell which one it
was. So a job that lost one worker runs beside few other suspects, one that lost two runs beside
none; only losses of that last kind count against it (docs/decisions/0008).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.contracts.job import Job
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.writes import until_stored

_SHARE_OF_FIRST_OFFENDERS = 8


class Quarantine:
    """Admits suspects one by one, or a few at a time."""

    def __init__(self, claims: JobClaims, *, slots: int) -> None:
        self._claims = claims
        self._together = asyncio.Semaphore(max(1, slots // _SHARE_OF_FIRST_OFFENDERS))
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def admit(self, job: Job) -> AsyncIterator[None]:
        """Return at once for a job without a past; a suspect waits until it may run."""
        if not job.lost:
            yield
        elif job.lost == 1:
            async with self._together:
                yield
        else:
            async with self._alone:
                claim = job.claim
                assert claim is not None
                await until_stored(lambda: self._claims.mark_alone(job.id, claim))
                yield
