"""What one socket still has to send. A slow reader is cut; it never holds up anybody else."""

import asyncio
from collections import OrderedDict

from api.hub import Change
from api.sockets.frames import complete_frame, next_frame

MOST_PENDING = 1000
_FEW = 200


class Overflow(Exception):
    """The reader is too slow: more frames wait than we keep."""


class Outbox:
    """Frames in order. Changes of one job that wait to be sent are coalesced to the newest."""

    def __init__(self) -> None:
        self._pending: OrderedDict[object, tuple[str, Change] | bytes] = OrderedDict()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._overflow = False

    def tell(self, subscription: str, change: Change, *, then_complete: bool) -> None:
        """Add a change; after the end of a followed job, also the word that it was the last."""
        key = (subscription, change.job.id)
        if change.event == "job.log" and key in self._pending:
            return  # a change of the job itself says more
        self._add(key, (subscription, change))
        if then_complete:
            self.say(complete_frame(subscription))

    def put(self, key: object, frame: bytes) -> None:
        """Add a frame in the place of an older one with the same key that waits still."""
        self._add(key, frame)

    async def room(self) -> None:
        """Return once few frames wait: for those who can go on later without losing anything."""
        while len(self._pending) > _FEW:
            self._taken.clear()
            await self._taken.wait()

    def say(self, frame: bytes) -> None:
        """Add a frame as it is."""
        self._add(object(), frame)

    async def next(self) -> bytes:
        """Return the next frame to send; raise Overflow if too many wait."""
        while not self._pending:
            self._arrived.clear()
            await self._arrived.wait()
        if self._overflow:
            raise Overflow
        _, item = self._pending.popitem(last=False)
        self._taken.set()
        return item if isinstance(item, bytes) else next_frame(*item)

    def _add(self, key: object, item: tuple[str, Change] | bytes) -> None:
        if self._overflow:
            return  # the reader is about to be cut, and subscribes again
        self._pending[key] = item
        self._overflow = len(self._pending) > MOST_PENDING
        self._arrived.set()

    @property
    def overflowed(self) -> bool:
        """Say whether the reader was too slow."""
        return self._overflow
