"""Saying and measuring: how fault tests tell what they saw."""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence

_YARDSTICK = 0.1  # seconds of work
Report = Callable[[str], None]
"""Takes a line that is shown when the run is over."""


class Stopwatch:
    """Tells the seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> float:
        """Return the seconds so far."""
        return time.monotonic() - self._began


async def strain() -> float:
    """Return how many times longer than alone a process needs on this machine now, at least 1.

    A goal in seconds holds for a machine with nothing else to do; a shared one gets that much more.
    """
    return await asyncio.to_thread(_strain)


def _strain() -> float:
    began, used = time.monotonic(), time.thread_time()
    while (cpu := time.thread_time() - used) < _YARDSTICK:
        pass
    return max(1.0, (time.monotonic() - began) / cpu)


def p99(seconds: Sequence[float]) -> float:
    """Return the value that one in a hundred exceeds."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[98]
