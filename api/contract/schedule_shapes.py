"""What answers about schedules look like."""

from datetime import datetime
from typing import Any

from pydantic import Field

from api.contract.shapes import Id, Shape
from shared.contracts.moves import Status
from shared.contracts.schedule import Overlap


class ScheduleCounts(Shape):
    """What has become of the nominal times so far."""

    fired: int = Field(description="a job was submitted")
    skipped: int = Field(description="an earlier job was unfinished")
    missed: int = Field(description="nobody could submit it within catch_up_s")
    buffered: int = Field(description="waiting for an earlier job at present")


class ScheduleRun(Shape):
    """One of the last jobs."""

    id: Id
    nominal_at: datetime
    status: Status
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ScheduleLinks(Shape):
    """Where the rest of a schedule is."""

    self: str
    preview: str
    jobs: str


class Schedule(Shape):
    """A rule that submits jobs at nominal times; fields of submissions are null unless given."""

    id: Id
    name: str | None
    task: str
    input: dict[str, Any]
    cron: str | None
    every_s: float | None
    phase_s: float
    timezone: str
    start_at: datetime | None
    end_at: datetime | None
    jitter_s: float
    overlap: Overlap
    catch_up_s: float
    paused: bool
    note: str | None
    next_at: datetime | None = Field(description="the next nominal time; null while paused")
    counts: ScheduleCounts
    declared: bool = Field(description="it stands in a task's code, and goes with it")
    created_at: datetime
    updated_at: datetime
    links: ScheduleLinks


class ScheduleWithRuns(Schedule):
    """The same with the jobs of its last nominal times, the latest first."""

    runs: list[ScheduleRun]


class SchedulePage(Shape):
    """Some schedules, and how to get those after them."""

    schedules: list[Schedule]
    next_page_token: str | None = Field(description="null on the last page")


class NominalTime(Shape):
    """A nominal time that is to come."""

    at: datetime
    note: str | None = Field(
        default=None, description="what the clocks of the zone do there; absent on most days"
    )


class Preview(Shape):
    """The next nominal times."""

    times: list[NominalTime]


class Backfilled(Shape):
    """What a backfill does."""

    submitted: int = Field(description="nominal times that get a job, at once or in turn")


ALL = (Schedule, ScheduleWithRuns, SchedulePage, Preview, Backfilled)
