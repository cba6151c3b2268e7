"""One small loop: do a step, note how it went, rest, for ever."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.contracts.errors import Unavailable
from shared.infrastructure.logs import get_logger
from shared.infrastructure.mongo import Document
from worker.keeper.leadership import Leadership

log = get_logger(__name__)

_TELL_EVERY = 10.0  # seconds; a loop that acts all the time must not fill the log
_PAUSE_WHEN_FULL = 0.05  # seconds, so that the live path has its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A step, and when it is due again. The step returns how much it did."""

    name: str
    step: Callable[[], Awaitable[int]]
    every: float  # seconds
    full: int | None = None  # a step that did as much goes on almost at once
    rest: Callable[[], Awaitable[None]] | None = None  # its own way to wait, up to `every`
    everywhere: bool = False  # runs in each keeper, not only in the one that leads


@dataclass(slots=True)
class Tally:
    """How a loop fares, for the metrics."""

    handled: int = 0
    failures: int = 0
    took: float = 0.0  # seconds, the last step
    ended_at: float = 0.0  # monotonic, the last step that did not fail
    told: int = 0  # of what was handled
    told_at: float = 0.0  # monotonic

    def note(self) -> Document:
        """Return what others may read: counts, and how long ago the loop last did its work."""
        behind = time.monotonic() - self.ended_at if self.ended_at else None
        return {
            "handled": self.handled,
            "failures": self.failures,
            "took_ms": round(self.took * 1000, 1),
            "ago_s": behind and round(behind, 1),
        }


async def keep(loop: Loop, tally: Tally, leadership: Leadership) -> None:
    """Run the steps of a loop. No failure ends it."""
    while True:
        if not loop.everywhere:
            await leadership.wait_held()
        began = time.monotonic()
        handled = await _step(loop, tally)
        tally.took = time.monotonic() - began
        if handled is not None and loop.full is not None and handled >= loop.full:
            await asyncio.sleep(_PAUSE_WHEN_FULL)
        elif handled is not None and loop.rest is not None:
            await loop.rest()
        else:
            await asyncio.sleep(loop.every * random.uniform(0.8, 1.2))


async def _step(loop: Loop, tally: Tally) -> int | None:
    """Return how much the step did, or None if it failed."""
    try:
        handled = await loop.step()
    except Unavailable as error:
        tally.failures += 1
        log.warning("keeper.waits", loop=loop.name, reason=str(error)[:200])
    except Exception:
        tally.failures += 1
        log.exception("keeper.failed", loop=loop.name)
    else:
        tally.handled += handled
        tally.ended_at = time.monotonic()
        _tell(loop, tally)
        return handled
    return None


def _tell(loop: Loop, tally: Tally) -> None:
    """Log what was done since the last time."""
    if tally.handled > tally.told and tally.ended_at - tally.told_at > _TELL_EVERY:
        handled = tally.handled - tally.told
        log.info("keeper.acted", loop=loop.name, handled=handled, total=tally.handled)
        tally.told, tally.told_at = tally.handled, tally.ended_at
