"""Saying and measuring: how fault tests tell what they saw."""

import statistics
import time
from collections.abc import Callable, Sequence

Report = Callable[[str], None]
"""Takes a line that is shown when the run is over."""


class Stopwatch:
    """Tells the seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> float:
        """Return the seconds so far."""
        return time.monotonic() - self._began


def p99(seconds: Sequence[float]) -> float:
    """Return the value that one in a hundred exceeds."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[98]
