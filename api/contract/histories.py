"""What has happened to a job, as models: its timeline and its log lines."""

from datetime import datetime
from typing import Any

from pydantic import Field

from api.contract.shapes import Error, Shape


class LogLine(Shape):
    """One line that a task logged."""

    at: datetime
    attempt: int
    level: str
    message: str
    fields: dict[str, Any]


class Logs(Shape):
    """The log lines of all attempts, oldest first."""

    lines: list[LogLine]


class TimelineEntry(Shape):
    """One step of a job's life."""

    event: str = Field(examples=["job.running"])
    at: datetime | None
    attempt: int | None = None
    worker: str | None = None
    because: str | None = Field(
        default=None,
        description="`schedule`, `key`, `retry`, `snoozed`, `lost`, `handed-back`, `run-again`",
    )
    until: datetime | None = Field(default=None, description="when it is due, if it waits")
    error: Error | None = None


class Timeline(Shape):
    """What has happened to a job, oldest first."""

    events: list[TimelineEntry]
