"""Where the CPU went: processor time of each part, and of all else on the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

PARTS = ("gateway", "worker", "broker", "database", "load")


@dataclass(frozen=True)
class Reading:
    """CPU seconds used so far, by part, and by the whole machine."""

    parts: Mapping[str, float]
    machine: float


@dataclass(frozen=True)
class Spent:
    """CPU seconds that each part used between two readings; `elsewhere` is other people's work."""

    parts: Mapping[str, float]
    elsewhere: float

    def per_job_us(self, jobs: int) -> dict[str, float]:
        return {part: seconds / jobs * 1e6 for part, seconds in self.parts.items()}


def read(pids: Mapping[str, int]) -> Reading:
    """Read the clocks of each part's process tree (`pids`: part to root process)."""
    parts = {part: _tree(pid) for part, pid in pids.items()}
    busy = psutil.cpu_times()
    return Reading(parts, float(busy.user + busy.nice + busy.system + busy.irq + busy.softirq))


def spent(before: Reading, after: Reading) -> Spent:
    parts = {part: after.parts[part] - before.parts[part] for part in after.parts}
    return Spent(parts, max(0.0, after.machine - before.machine - sum(parts.values())))


def listener(port: int) -> int:
    """The process that listens on a local port: how the broker and the database are found."""
    for connection in psutil.net_connections("tcp"):
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        if listens and connection.pid is not None:
            return int(connection.pid)
    raise LookupError(f"no visible process listens on port {port}: run on the services' machine")


def _tree(pid: int) -> float:
    root = psutil.Process(pid)
    family = [root] if pid == os.getpid() else [root, *root.children(recursive=True)]
    return sum(_own(process) for process in family)


def _own(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(used.user + used.system)
