"""How many ids of each queue the broker holds: a bounded window, in front of what MongoDB holds."""

import time
from collections import defaultdict
from collections.abc import Iterable

from shared.infrastructure.job_window import JobWindow
from shared.infrastructure.logs import get_logger
from shared.infrastructure.queues import Queues
from shared.infrastructure.workers import Workers
from worker.keeper.ringing import Ringing

_ROOM_LASTS = 1.0  # seconds; workers only make more of it
log = get_logger(__name__)


class Window:
    """Knows which queues are full, and rings only within their room.

    A full queue is `holding`: gateways do not ring for it, until nothing is left to ring for.
    """

    def __init__(
        self, jobs: JobWindow, queues: Queues, workers: Workers, ringing: Ringing, *, size: int
    ) -> None:
        self._jobs = jobs
        self._queues = queues
        self._workers = workers
        self._ringing = ringing
        self._rooms: dict[str, tuple[int, float]] = {}  # by queue, and when that was counted
        self._released_at: dict[str, float] = {}
        self.size = size
        self.holding: set[str] = set()
        self.served: dict[str, list[str]] = {}  # tasks that live workers know, by queue

    async def look(self) -> None:
        """Read which queues are held, and who serves them."""
        self.holding = await self._queues.holding()
        served: dict[str, set[str]] = defaultdict(set)
        for row in await self._workers.live():
            for queue in row["queues"]:
                served[queue].update(row["tasks"])
        self.served = {queue: sorted(served[queue]) for queue in sorted(served)}

    async def room(self, queue: str) -> int:
        """Count how many more ids the broker may hold for a queue."""
        there = await self._jobs.rung(queue, most=self.size) + len(self._ringing.unmarked)
        return max(0, self.size - there)

    async def ring(self, jobs: Iterable[tuple[str, str]]) -> int:
        """Ring for (queue, id) pairs of jobs that have become runnable, as far as there is room."""
        by_queue: dict[str, list[str]] = defaultdict(list)
        for queue, job_id in jobs:
            by_queue[queue].append(job_id)
        rung = 0
        for queue, ids in by_queue.items():
            if queue not in self.holding:
                room = await self._room_for(queue, len(ids))
                rung += await self.ring_in_room(queue, ids, room, mark_later=True)
        return rung

    async def ring_in_room(
        self, queue: str, ids: list[str], room: int, *, mark_later: bool = False
    ) -> int:
        """Ring for as many of the jobs as there is room; hold the queue if some are left."""
        if len(ids) > room:
            await self.hold(queue)
        return await self._ringing.ring(queue, ids[:room], mark_later=mark_later)

    async def hold(self, queue: str) -> None:
        """Tell gateways not to ring for a queue."""
        if queue not in self.holding:
            log.info("queue.held", queue=queue, window=self.size)
            self.holding.add(queue)
            await self._queues.hold(queue, True)

    async def release(self, queue: str) -> None:
        """Let gateways ring for a queue again."""
        log.info("queue.released", queue=queue)
        self._released_at[queue] = time.monotonic()
        self.holding.discard(queue)
        await self._queues.hold(queue, False)

    def released_within(self, queue: str, seconds: float) -> bool:
        """Say whether some gateway may still believe that the queue is held."""
        return time.monotonic() - self._released_at.get(queue, -seconds) < seconds

    async def _room_for(self, queue: str, count: int) -> int:
        room, counted_at = self._rooms.get(queue, (0, 0.0))
        if room < count or time.monotonic() - counted_at > _ROOM_LASTS:
            room, counted_at = await self.room(queue), time.monotonic()
        self._rooms[queue] = room - count, counted_at
        return room
