"""How much memory processes have, and whether it grows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

WARM_UP = 0.4  # of the time; what grows then are caches, pools and the allocator
_SAME = 2.0  # MiB that a process may differ by without meaning anything
_SHARE = 0.05  # of its size that a process may grow by


def resident(pid: int) -> float | None:
    """Return the MiB of a process that are in memory; None if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    sizes = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(sizes[0]) / 1024 if sizes else None


@dataclass
class Memory:
    """The memory of one process over time, in MiB."""

    name: str
    samples: list[float] = field(default_factory=list)

    @property
    def settled(self) -> float:
        """Return what it had once it was warm: the median of the first half after that."""
        return statistics.median(self._warm()[: max(1, len(self._warm()) // 2)])

    @property
    def last(self) -> float:
        """Return what it had in the end: the median of the second half."""
        return statistics.median(self._warm()[len(self._warm()) // 2 :])

    @property
    def flat(self) -> bool:
        """Say whether it did not grow by more than noise."""
        return self.last - self.settled <= max(_SAME, _SHARE * self.settled)

    def _warm(self) -> Sequence[float]:
        return self.samples[int(len(self.samples) * WARM_UP) :]

    def __str__(self) -> str:
        grown = "flat" if self.flat else "NOT FLAT"
        return f"{self.name:<16} {self.settled:8.1f} MiB -> {self.last:8.1f} MiB  {grown}"
