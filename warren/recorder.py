"""A port that keeps what a job reports, for those who look at it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field


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


class Recorder:
    """Keeps every report, in order; may be used from any thread."""

    def __init__(self, *, cancelled: bool = False) -> None:
        self.asked = cancelled  # somebody cancels the job
        self.late = False  # its soft timeout is over
        self.knows = False  # the task saw that it was asked
        self.reports: list[Progress] = []
        self.lines: list[LogLine] = []

    @property
    def cancelled(self) -> bool:
        """Whether the task should stop; that it looked is kept too."""
        self.knows = self.knows or self.asked
        return self.asked or self.late

    def progress(self, current: float, total: float | None, message: str | None) -> None:
        """Keep how far the job is."""
        self.reports.append(Progress(current, total, message))

    def log(self, level: str, message: str, fields: dict[str, object]) -> None:
        """Keep one line."""
        self.lines.append(LogLine(level, message, fields))
