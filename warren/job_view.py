"""A job as the service shows it, with types."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Something that the service shows."""

    # A newer service may say more: what this version does not know is kept, not refused.
    model_config = ConfigDict(extra="allow", frozen=True)


class ErrorView(View):
    """Why a job has no result; `type` is the exception's class, or one of the service's words."""

    type: str
    message: str = ""
    retryable: bool = False
    attempt: int = 0
    traceback: str | None = None


class ProgressView(View):
    """How far a running job is."""

    current: float
    total: float | None = None
    message: str | None = None


class AttemptView(View):
    """One run of a job by one worker; `outcome` is None while it goes on."""

    attempt: int
    worker: str | None = None
    outcome: str | None = None
    error: ErrorView | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    until: datetime | None = None


class JobView(View):
    """A job at one moment; `version` grows with each change. Times are aware, in UTC."""

    id: str
    task: str
    status: str
    done: bool = False
    queue: str = "default"
    priority: int = 5
    input: Any = None
    result: Any = None
    error: ErrorView | None = None
    progress: ProgressView | None = None
    waiting_for: list[dict[str, Any]] = []
    attempt: int = 0
    max_attempts: int | None = None
    attempts: list[AttemptView] = []
    timeout_s: float | None = None
    soft_timeout_s: float | None = None
    key: str | list[str] | None = None
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    workflow_id: str | None = None
    node: str | None = None
    parent_id: str | None = None
    schedule_id: str | None = None
    cache: str | None = None
    unique: str | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    nominal_at: datetime | None = None
    created_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_asked_at: datetime | None = None
    version: int = 0
    worker: str | None = None
    links: dict[str, Any] = {}


class Event(View):
    """Something that happened to a watched job, and the job as it was then."""

    event: str
    seq: int
    job: JobView
