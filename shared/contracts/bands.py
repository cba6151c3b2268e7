"""Bands: the bells of one queue and one priority travel in a stream of their own.

The usual priority has the queue's own stream; the names of the others no queue can have.
"""

from collections.abc import Iterable

USUAL = 5
PRIORITIES = range(9, -1, -1)
"""All priorities, the highest first."""

_MARK = ":p"


def band_of(queue: str, priority: int) -> str:
    """Return the name of a band."""
    return queue if priority == USUAL else f"{queue}{_MARK}{priority}"


def parts_of(band: str) -> tuple[str, int]:
    """Return the queue and the priority of a band."""
    queue, mark, priority = band.rpartition(_MARK)
    return (queue, int(priority)) if mark else (band, USUAL)


def queue_of(band: str) -> str:
    """Return the queue of a band."""
    return parts_of(band)[0]


def bands_of(queues: Iterable[str]) -> list[str]:
    """Return all bands of some queues, those of the highest priority first."""
    named = list(queues)
    return [band_of(queue, priority) for priority in PRIORITIES for queue in named]


def first_served(band: str) -> tuple[int, str]:
    """Return by what bands are put in order: those of the highest priority first."""
    queue, priority = parts_of(band)
    return -priority, queue
