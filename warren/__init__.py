"""Warren: declare tasks, hand in jobs, get their results; the only thing to import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from warren.errors import (
    AlreadyFinished,
    ClientError,
    GiveUp,
    InvalidInput,
    JobFailed,
    JobTimeout,
    NotFinished,
    Problem,
    RateLimited,
    Retry,
    SoftTimeout,
    Unreachable,
    Unserialisable,
    WarrenError,
)
from warren.job import Job
from warren.job_view import AttemptView, Event, JobView
from warren.service_views import ScheduleView
from warren.task import Task, task

if TYPE_CHECKING:
    from warren.async_client import AsyncClient
    from warren.client import Client
    from warren.handle import AsyncJobHandle, JobHandle

__all__ = [
    "AlreadyFinished",
    "AsyncClient",
    "AsyncJobHandle",
    "AttemptView",
    "Client",
    "ClientError",
    "Event",
    "GiveUp",
    "InvalidInput",
    "Job",
    "JobFailed",
    "JobHandle",
    "JobTimeout",
    "JobView",
    "NotFinished",
    "Problem",
    "RateLimited",
    "Retry",
    "ScheduleView",
    "SoftTimeout",
    "Task",
    "Unreachable",
    "Unserialisable",
    "WarrenError",
    "task",
]

# Declaring tasks needs no HTTP: the clients are imported by those who use them.
_LAZY = {
    "AsyncClient": "warren.async_client",
    "AsyncJobHandle": "warren.handle",
    "Client": "warren.client",
    "JobHandle": "warren.handle",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
