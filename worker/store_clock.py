"""The database's clock, as this process knows it from answers that carried the time."""

import asyncio
import math
import time

_LASTS_S = 60.0  # after which an observation counts for nothing: clocks drift
_SHORT_S = 0.002  # below it timers are too coarse


class StoreClock:
    """Milliseconds of the database, between two bounds: it answered after we asked.

    The answer that came fastest tells most: what remains is about a millisecond.
    """

    def __init__(self) -> None:
        self._took = math.inf  # milliseconds, of the fastest answer
        self._ahead = 0.0  # of the database before our monotonic clock, in ms, at least
        self._seen_at = 0.0

    def observe(self, now_ms: float, *, asked_at: float) -> None:
        """Take the time of an answer that has just come; `asked_at` is monotonic, in seconds."""
        here = time.monotonic()
        took = (here - asked_at) * 1000
        if took <= self._took or here - self._seen_at > _LASTS_S:
            self._took, self._seen_at = took, here
            self._ahead = now_ms - here * 1000

    def now(self) -> float:
        """Return the database's time in milliseconds, or a little less."""
        return time.monotonic() * 1000 + self._ahead

    def latest(self) -> float:
        """Return the database's time in milliseconds, or a little more."""
        return self.now() + (self._took if self._took < math.inf else 0.0)

    async def wait_until(self, at_ms: float) -> None:
        """Sleep until that instant: never less, hardly more."""
        while (left := (at_ms - self.now()) / 1000) > 0:  # noqa: ASYNC110 -- only time passes
            await asyncio.sleep(left if left > _SHORT_S else 0)
