"""What the tasks themselves wrote of their starts and ends, and what it says of a lane."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A line that a task wrote."""

    at: int  # monotonic, nanoseconds
    key: str
    order: int
    what: str  # "starts" or "ends"


def entries(ledger: Path) -> list[Entry]:
    """Return all lines in the order of their time."""
    if not ledger.exists():
        return []
    split = [text.split() for text in ledger.read_text(encoding="utf-8").splitlines()]
    return sorted(
        (Entry(int(at), key, int(order), what) for at, key, order, what in split),
        key=lambda entry: entry.at,
    )


def most_at_once(ledger: Path) -> dict[str, int]:
    """Return how many jobs of each key ran beside each other at most."""
    running: defaultdict[str, int] = defaultdict(int)
    most: defaultdict[str, int] = defaultdict(int)
    for entry in entries(ledger):
        running[entry.key] += 1 if entry.what == "starts" else -1
        most[entry.key] = max(most[entry.key], running[entry.key])
    return dict(most)


def orders(ledger: Path) -> dict[str, list[int]]:
    """Return the jobs of each key in the order of their first starts."""
    found: defaultdict[str, dict[int, None]] = defaultdict(dict)
    for entry in entries(ledger):
        if entry.what == "starts":
            found[entry.key][entry.order] = None
    return {key: list(first) for key, first in found.items()}


def overlaps(ledger: Path) -> list[tuple[str, int, int]]:
    """Return (key, job, other) for each job that began while another of its key had not ended.

    One that was killed begins again before those behind it, so its first start needs no end.
    """
    begun: defaultdict[str, set[int]] = defaultdict(set)
    found: list[tuple[str, int, int]] = []
    for entry in entries(ledger):
        if entry.what == "ends":
            begun[entry.key].discard(entry.order)
        else:
            found += [(entry.key, entry.order, n) for n in begun[entry.key] if n != entry.order]
            begun[entry.key].add(entry.order)
    return found
