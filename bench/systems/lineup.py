"""Who is measured, each with the best settings that were found for two cores."""

from __future__ import annotations

from collections.abc import Sequence

from bench.systems.celery import CelerySystem
from bench.systems.system import System
from bench.systems.taskiq import TaskiqSystem
from bench.systems.warren import WarrenSystem

# The driver that users get without setting anything: the goals are judged with it.
JUDGED = WarrenSystem("motor").name

LINEUP: tuple[System, ...] = (
    WarrenSystem("motor"),
    WarrenSystem("pymongo"),
    CelerySystem("threads", concurrency=16, prefetch_multiplier=4, producers=20, endpoint="async"),
    CelerySystem("prefork", concurrency=16, prefetch_multiplier=8, producers=16, endpoint="async"),
    TaskiqSystem(workers=1, async_tasks=100, qos=200),
)

KEYED: tuple[System, ...] = tuple(
    WarrenSystem(driver, family="keys", keys=1000) for driver in ("motor", "pymongo")
)
"""What a key costs; measured only when it is asked for, as in `--only warren,keys`."""

EVERYBODY = LINEUP + KEYED


def chosen(only: Sequence[str]) -> list[System]:
    """The systems whose family or name is in `only`; the line-up when it is empty."""
    known = {name for system in EVERYBODY for name in (system.family, system.name)}
    if unknown := set(only) - known:
        raise ValueError(
            f"nobody is called {', '.join(sorted(unknown))}; choose of {sorted(known)}"
        )
    if not only:
        return list(LINEUP)
    return [s for s in EVERYBODY if s.family in only or s.name in only]
