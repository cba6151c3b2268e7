"""What the service shows beside jobs: schedules, workers, queues, and answers about many jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from warren.job_view import View


class WhyView(View):
    """Why a job does not run: its closed gates, and when it is expected to start."""

    status: str | None = None
    waiting_for: Sequence[dict[str, Any]] = ()
    expected_start: datetime | None = None


class ActionView(View):
    """To how many jobs something was done, or would be in a dry run."""

    action: str | None = None
    dry_run: bool = False


class ScheduleView(View):
    """A rule that submits jobs at nominal times. Times are aware, in UTC."""

    id: str
    task: str
    name: str | None = None
    input: Any = None
    cron: str | None = None
    every_s: float | None = None
    phase_s: float | None = None
    timezone: str = "UTC"
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter_s: float | None = None
    overlap: str = "skip"
    catch_up_s: float | None = None
    paused: bool = False
    note: str | None = None


class FireView(View):
    """A nominal time that is to come; `note` tells when the clocks change around it."""

    at: datetime
    note: str | None = None


class WorkerView(View):
    """A process that runs jobs."""

    id: str
    queues: Sequence[str] = ()
    slots: int | None = None


class QueueView(View):
    """A named stream of runnable jobs."""

    name: str
    paused: bool = False
    pause: dict[str, Any] | None = None


class LaneView(View):
    """A key, who has it, and who waits for it."""

    key: str
    running: int = 0
    queued: int = 0
    waiting: int = 0
    oldest_waiting_s: float | None = None
    holders: Sequence[dict[str, Any]] = ()
    held: dict[str, Any] | None = None
    cancelled: int | None = None  # how many, in the answer to `drain`
