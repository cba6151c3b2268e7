"""How many ids of each band the broker holds: a bounded window, in front of what MongoDB holds.

For what is paused nobody rings: workers that hear of it nevertheless pass the bell over.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from shared.contracts.bands import bands_of, queue_of
from shared.contracts.pauses import NOTHING_PAUSED
from shared.infrastructure.job_window import JobWindow
from shared.infrastructure.logs import get_logger
from shared.infrastructure.pauses import Pauses
from shared.infrastructure.queues import Queues
from shared.infrastructure.workers import Workers
from worker.keeper.ringing import Ringing

_MOST_FORGOTTEN = 1000
_ROOM_LASTS = 1.0  # seconds; workers only make more of it
log = get_logger(__name__)


class Window:
    """Knows which bands are full, and rings only within their room.

    A full band is `holding`: gateways do not ring for it, until nothing is left to ring for.
    """

    def __init__(
        self,
        jobs: JobWindow,
        queues: Queues,
        workers: Workers,
        ringing: Ringing,
        *,
        pauses: Pauses,
        size: int,
    ) -> None:
        self._jobs = jobs
        self._queues = queues
        self._workers = workers
        self._ringing = ringing
        self._pauses = pauses
        self._paused = NOTHING_PAUSED
        self._rooms: dict[str, tuple[int, float]] = {}  # by band, and when that was counted
        self._released_at: dict[str, float] = {}
        self.size = size
        self.holding: set[str] = set()
        self.served: dict[str, list[str]] = {}  # tasks that live workers know, by queue

    async def look(self) -> None:
        """Read which bands are held, and who serves their queues."""
        self.holding = await self._queues.holding()
        served: dict[str, set[str]] = defaultdict(set)
        for row in await self._workers.live():
            for queue in row["queues"]:
                served[queue].update(row["tasks"])
        await self._look_at_pauses(served)
        self.served = {
            queue: sorted(served[queue] - self._paused.tasks.keys())
            for queue in sorted(served)
            if queue not in self._paused.queues
        }

    async def _look_at_pauses(self, served: Mapping[str, set[str]]) -> None:
        """Where a pause is over, ring anew for all: workers passed over bells that they heard."""
        before, self._paused = self._paused, await self._pauses.read()
        tasks = before.tasks.keys() - self._paused.tasks.keys()
        over = before.queues.keys() - self._paused.queues.keys()
        for queue in over | {queue for queue, known in served.items() if known & tasks}:
            log.info("queue.resumed", queue=queue)
            for band in bands_of([queue]):
                self._released_at[band] = time.monotonic()
                while await self._jobs.forget_bells(band, most=_MOST_FORGOTTEN) == _MOST_FORGOTTEN:
                    pass

    async def room(self, band: str) -> int:
        """Count how many more ids the broker may hold for a band."""
        there = await self._jobs.rung(band, most=self.size) + len(self._ringing.unmarked)
        return max(0, self.size - there)

    async def ring(self, jobs: Iterable[tuple[str, str]]) -> int:
        """Ring for (band, id) pairs of jobs that have become runnable, as far as there is room."""
        by_band: dict[str, list[str]] = defaultdict(list)
        for band, job_id in jobs:
            by_band[band].append(job_id)
        rung = 0
        for band, ids in by_band.items():
            if band not in self.holding and queue_of(band) not in self._paused.queues:
                room = await self._room_for(band, len(ids))
                rung += await self.ring_in_room(band, ids, room, mark_later=True)
        return rung

    async def ring_in_room(
        self, band: str, ids: list[str], room: int, *, mark_later: bool = False
    ) -> int:
        """Ring for as many of the jobs as there is room; hold the band if some are left."""
        if len(ids) > room:
            await self.hold(band)
        return await self._ringing.ring(band, ids[:room], mark_later=mark_later)

    async def hold(self, band: str) -> None:
        """Tell gateways not to ring for a band."""
        if band not in self.holding:
            log.info("queue.held", band=band, window=self.size)
            self.holding.add(band)
            await self._queues.hold(band, True)

    async def release(self, band: str) -> None:
        """Let gateways ring for a band again."""
        log.info("queue.released", band=band)
        self._released_at[band] = time.monotonic()
        self.holding.discard(band)
        await self._queues.hold(band, False)

    def released_within(self, band: str, seconds: float) -> bool:
        """Say whether some gateway may still believe that the band is held."""
        return time.monotonic() - self._released_at.get(band, -seconds) < seconds

    async def _room_for(self, band: str, count: int) -> int:
        room, counted_at = self._rooms.get(band, (0, 0.0))
        if room < count or time.monotonic() - counted_at > _ROOM_LASTS:
            room, counted_at = await self.room(band), time.monotonic()
        self._rooms[band] = room - count, counted_at
        return room
