"""The bells that a worker has heard and not settled, those of the highest priority first."""

from collections import deque
from collections.abc import Iterator

from shared.contracts.bands import PRIORITIES, parts_of
from shared.infrastructure.bell_consumer import Bell
from worker.own_bell import OwnBell

AnyBell = Bell | OwnBell


class BellsInHand:
    """A line for each priority."""

    def __init__(self) -> None:
        self._lines: dict[int, deque[AnyBell]] = {priority: deque() for priority in PRIORITIES}

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return any(self._lines.values())

    def __iter__(self) -> Iterator[AnyBell]:
        """Yield all of them, the next one to open first."""
        for line in self._lines.values():
            yield from line

    def add(self, bell: AnyBell) -> None:
        """Put a bell behind those of its priority."""
        self._lines[parts_of(bell.queue)[1]].append(bell)

    @property
    def priorities(self) -> list[int]:
        """Return the priorities of those in hand, the highest first."""
        return [priority for priority, line in self._lines.items() if line]

    @property
    def first(self) -> AnyBell:
        """Return the next one to open; StopIteration if there is none."""
        return self._line()[0]

    def take_first(self) -> AnyBell:
        """Remove the next one to open, and return it."""
        return self._line().popleft()

    def take_all(self) -> list[AnyBell]:
        """Remove all of them, and return them in their order."""
        bells = list(self)
        for line in self._lines.values():
            line.clear()
        return bells

    def keep_own(self) -> None:
        """Drop all that came from the broker."""
        for line in self._lines.values():
            own = [bell for bell in line if isinstance(bell, OwnBell)]
            line.clear()
            line.extend(own)

    def _line(self) -> deque[AnyBell]:
        return next(line for line in self._lines.values() if line)
