"""Everything that one run measured, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench import goals
from bench.cpu import PARTS
from bench.goals import Goal
from bench.latency import Latency
from bench.round import Throughput
from bench.systems.lineup import JUDGED
from bench.systems.system import System


@dataclass
class Result:
    """The rounds of each system in the order they were run, and what they were run on."""

    systems: Sequence[System]
    conditions: dict[str, Any]
    rounds: list[Throughput] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)

    def rounds_of(self, system: str) -> list[Throughput]:
        return [r for r in self.rounds if r.system == system]

    def rate(self, system: str) -> float | None:
        """Median jobs a second."""
        rates = [r.jobs_per_s for r in self.rounds_of(system)]
        return median(rates) if rates else None

    def cpu_us(self, system: str) -> dict[str, float]:
        """Median CPU microseconds a job, by part."""
        rounds = self.rounds_of(system)
        return {part: median(r.cpu_us_per_job[part] for r in rounds) for part in PARTS}

    def latency(self, system: str) -> Latency | None:
        return next((found for found in self.latencies if found.system == system), None)

    def best(self) -> dict[str, float]:
        """The best median of each family."""
        best: dict[str, float] = {}
        for system in self.systems:
            rate = self.rate(system.name)
            if rate is not None:
                best[system.family] = max(rate, best.get(system.family, 0.0))
        return best

    def goals(self) -> list[Goal]:
        throughput = goals.throughput_goals(self.rate(JUDGED), self.best())
        return [*throughput, *goals.latency_goals(self.latency(JUDGED))]

    def as_dict(self) -> dict[str, Any]:
        return {
            **self.conditions,
            "judged": JUDGED,
            "goals": [goal.as_dict() for goal in self.goals()],
            "systems": [self._system(system) for system in self.systems],
        }

    def _system(self, system: System) -> dict[str, Any]:
        rounds, latency = self.rounds_of(system.name), self.latency(system.name)
        return {
            "name": system.name,
            "family": system.family,
            "configuration": dict(system.configuration),
            "median_jobs_per_s": self.rate(system.name),
            "median_cpu_us_per_job": self.cpu_us(system.name) if rounds else None,
            "rounds": [each.as_dict() for each in rounds],
            "latency": latency.as_dict() if latency else None,
        }
