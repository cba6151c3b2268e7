"""Finds bells that the broker has lost, so that they are rung again.

A confirm proves only the past. Three signs show a loss: the broker's marker is gone, a queue is
empty although it should hold old bells, and bells were heard that were rung much later.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.infrastructure.bell_queues import BellQueues
from shared.infrastructure.job_window import JobWindow
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workers import Workers

EVERY = 3.0  # seconds
MOST = 1000
SLACK = timedelta(seconds=10)  # how long a bell may be in a worker's hand, unacknowledged
MARGIN = timedelta(
    seconds=30
)  # between clocks of ringers and the database, and for bells passed on
_LONGEST_PAUSE = 1800.0  # seconds between two suspicions of one queue
log = get_logger(__name__)


class Lost:
    """Marks lost bells as not rung; the loops that ring for such jobs do the rest."""

    def __init__(
        self,
        jobs: JobWindow,
        workers: Workers,
        broker: BellQueues,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._jobs = jobs
        self._workers = workers
        self._broker = broker
        self._known_connections = 0
        self._pauses: dict[str, float] = {}  # by band, after a suspicion
        self._next_at: dict[str, float] = {}  # by band, on our clock

    async def step(self) -> int:
        """Look for the three signs; return how many bells are lost."""
        if not self._broker.link.up:
            return 0
        lost = await self._if_the_broker_is_another()
        bands = await self._jobs.bands_rung()
        heard = await self._heard() if bands else {}
        for band in bands:
            lost += await self._if_empty(band)
            if band in heard:
                lost += await self._if_overtaken(band, heard[band])
        return lost

    async def _if_the_broker_is_another(self) -> int:
        """After each connection: a broker without our marker holds none of our bells."""
        connections = self._broker.connections
        if connections == self._known_connections:
            return 0
        lost = 0
        if not await self._broker.is_marked():
            while forgotten := await self._jobs.forget_bells(most=MOST):
                lost += forgotten
            await self._broker.mark()
            log.warning("broker.new", lost=lost)
        self._known_connections = connections
        return lost

    async def _if_empty(self, band: str) -> int:
        """An empty queue, and jobs whose bells no worker can still have in hand."""
        if not await self._jobs.has_old_bells(band, SLACK) or await self._broker.depth(band):
            return 0
        lost = await self._jobs.forget_bells(band, older_than=SLACK, most=MOST)
        log.warning("bells.lost", band=band, lost=lost, sign="the queue is empty")
        return lost

    async def _if_overtaken(self, band: str, heard: datetime) -> int:
        """Queues keep their order, but busy workers pass bells on: so this may be a false alarm.

        Each false alarm rings once more for up to a window of jobs; hence the growing pauses.
        """
        now = self._clock()
        if now < self._next_at.get(band, 0.0):
            return 0
        lost = await self._jobs.forget_bells(
            band, older_than=MARGIN, rung_before=heard - MARGIN, most=MOST
        )
        if not lost:
            self._pauses.pop(band, None)
            return 0
        pause = min(_LONGEST_PAUSE, 2 * self._pauses.get(band, MARGIN.total_seconds() / 2))
        self._pauses[band] = pause
        self._next_at[band] = now + pause
        log.warning("bells.lost", band=band, lost=lost, sign="later ones were heard")
        return lost

    async def _heard(self) -> dict[str, datetime]:
        """Return when the newest bell was rung that any live worker has heard, by band."""
        newest: dict[str, int] = {}
        for row in await self._workers.live():
            for band, rung_at in row.get("counts", {}).get("heard", {}).items():
                newest[band] = max(rung_at, newest.get(band, 0))
        return {band: datetime.fromtimestamp(ms / 1000, UTC) for band, ms in newest.items()}
