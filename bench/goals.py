"""What Warren has set itself, and whether one run of the benchmark reached it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.latency import Latency

TIMES = {"celery": 4.0, "taskiq": 2.0}
PUSHED_MS = {"p50_ms": 8.0, "p99_ms": 25.0}


@dataclass(frozen=True)
class Goal:
    """One goal; `measured` is None when a part of the comparison was left out."""

    what: str
    wanted: str
    measured: float | None
    met: bool | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def throughput_goals(judged: float | None, best: Mapping[str, float]) -> list[Goal]:
    """`judged`: Warren's median jobs a second; `best`: the best median of each peer family."""
    return [_times(peer, factor, judged, best.get(peer)) for peer, factor in TIMES.items()]


def latency_goals(latency: Latency | None) -> list[Goal]:
    return [_below(name, limit, latency) for name, limit in PUSHED_MS.items()]


def _times(peer: str, factor: float, judged: float | None, other: float | None) -> Goal:
    ratio = judged / other if judged is not None and other else None
    met = None if ratio is None else ratio >= factor
    return Goal(f"throughput, times the best {peer}", f">= {factor:g}", ratio, met)


def _below(name: str, limit: float, latency: Latency | None) -> Goal:
    measured = None if latency is None else float(getattr(latency, name))
    met = None if measured is None else measured < limit
    what = f"submit to pushed result, {name.removesuffix('_ms')} in ms"
    return Goal(what, f"< {limit:g}", measured, met)
