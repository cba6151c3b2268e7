"""A port that keeps what a job reports, for those who look at it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from warren.growing import Planted, SpawnOptions

from warren.limiting import Unlimited


@dataclass(frozen=True)
class Progress:
    """One report of how far the job was."""

    current: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class LogLine:
    """One line of the job's log."""

    level: str
    message: str
    fields: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Spawn:
    """One graph that the job spawned, as the service would read it; nothing ran."""

    graph: dict[str, Any]
    wait: bool = False
    join: bool = False
    name: str | None = None


class Recorder:
    """Keeps every report, in order; may be used from any thread."""

    def __init__(self, *, cancelled: bool = False) -> None:
        self.asked = cancelled  # somebody cancels the job
        self.late = False  # its soft timeout is over
        self.knows = False  # the task saw that it was asked
        self.reports: list[Progress] = []
        self.lines: list[LogLine] = []
        self.spawns: list[Spawn] = []
        self.taken: list[tuple[str, float]] = []  # from limits
        self.outages = 0

    @property
    def cancelled(self) -> bool:
        """Whether the task should stop; that it looked is kept too."""
        self.knows = self.knows or self.asked
        return self.asked or self.late

    def progress(self, current: float, total: float | None, message: str | None) -> None:
        """Keep how far the job is."""
        self.reports.append(Progress(current, total, message))

    def limit(self, name: str, cost: float) -> Unlimited:
        """Keep what was taken; it may go at once."""
        self.taken.append((name, cost))
        return Unlimited()

    def outage(self) -> None:
        """Keep that the other side seems to be out of order."""
        self.outages += 1

    def log(self, level: str, message: str, fields: dict[str, object]) -> None:
        """Keep one line."""
        self.lines.append(LogLine(level, message, fields))

    def spawn(self, graph: dict[str, Any], options: SpawnOptions) -> Planted:
        """Keep a graph; the ids are made up."""
        self.spawns.append(Spawn(graph, **options))
        return {"workflow_id": str(uuid4()), "nodes": {n: str(uuid4()) for n in graph["nodes"]}}
