"""Suspects: jobs that lost a worker run with fewer and fewer others like them.

A job that kills its process takes its neighbours' claims with it, and nobody can tell which one it
was. So a job that lost one worker runs beside few other suspects, one that lost two runs beside
none; only losses of that last kind count against it (docs/decisions/0008).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.writes import until_stored
from worker.attempt import Attempt

_SHARE_OF_FIRST_OFFENDERS = 8


class Quarantine:
    """Admits suspects one by one, or a few at a time."""

    def __init__(self, claims: JobClaims, *, slots: int) -> None:
        self._claims = claims
        self._together = asyncio.Semaphore(max(1, slots // _SHARE_OF_FIRST_OFFENDERS))
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def admit(self, attempt: Attempt) -> AsyncIterator[None]:
        """Return at once for a job without a past; a suspect waits until it may run.

        If its job is cancelled while it waits, it may come in too: it will not run.
        """
        job, turn = attempt.job, self._together if attempt.job.lost == 1 else self._alone
        if not job.lost or attempt.asked or not await _its_turn(turn, attempt):
            yield
            return
        try:
            if turn is self._alone:
                claim = job.claim
                assert claim is not None
                await until_stored(lambda: self._claims.mark_alone(job.id, claim))
            yield
        finally:
            turn.release()


async def _its_turn(turn: asyncio.Lock | asyncio.Semaphore, attempt: Attempt) -> bool:
    """Acquire a turn, and say so; False if the job was cancelled meanwhile."""
    waiting = asyncio.ensure_future(turn.acquire())
    attempt.cut = waiting.cancel
    try:
        return await waiting
    except asyncio.CancelledError:
        if attempt.abandoned or not attempt.asked:
            raise
        return False
    finally:
        attempt.cut = None
