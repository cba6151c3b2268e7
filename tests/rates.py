"""Judges starts against a limit: how far over it any window was, and how much of it was used."""

from collections.abc import Sequence
from pathlib import Path


def starts_in(ledger: Path) -> list[float]:
    """Return the instants (seconds) that tasks noted, in order."""
    if not ledger.exists():
        return []
    return sorted(float(line.split()[0]) for line in ledger.read_text().splitlines())


def ids_in(ledger: Path) -> list[str]:
    """Return the ids of the jobs that noted a start, in order."""
    return [line.split()[1] for line in sorted(ledger.read_text().splitlines())]


def most_over(starts: Sequence[float], *, rate: float, burst: float, cost: float = 1) -> float:
    """Return by how much starts exceed rate x window + burst, in the worst of all windows.

    A window that begins and ends with a start is the worst of its kind. The worst that ends at a
    given start is found in one pass: a bucket that leaks at the rate and is never less than empty.
    """
    worst, level, before = float("-inf"), 0.0, starts[0] if starts else 0.0
    for at in starts:
        level = max(0.0, level - (at - before) * rate) + cost
        before = at
        worst = max(worst, level - burst)
    return worst


def share_used(starts: Sequence[float], *, rate: float, burst: float, cost: float = 1) -> float:
    """Return which part of what was allowed from the first to the last start was used."""
    allowed = (starts[-1] - starts[0]) * rate + burst
    return len(starts) * cost / allowed
