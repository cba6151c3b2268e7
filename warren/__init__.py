"""Warren: declare tasks, hand in jobs, get their results; the only thing to import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from warren.canvas import Signature, by_name, chain, chord, group
from warren.canvas.failures import WorkflowFailed, WorkflowTimeout
from warren.canvas.views import NodeView, WorkflowView
from warren.errors import (
    AlreadyFinished,
    CannotGrow,
    ClientError,
    EmptyReplacement,
    GiveUp,
    InvalidInput,
    InvalidWorkflow,
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
from warren.growing import Spawned
from warren.job import Job
from warren.job_view import AttemptView, Event, JobView
from warren.service_views import LaneView, ScheduleView
from warren.task import Task, task

if TYPE_CHECKING:
    from warren.async_client import AsyncClient
    from warren.canvas.handle import AsyncWorkflowHandle, WorkflowHandle
    from warren.client import Client
    from warren.handle import AsyncJobHandle, JobHandle

__all__ = [
    "AlreadyFinished",
    "AsyncClient",
    "AsyncJobHandle",
    "AsyncWorkflowHandle",
    "AttemptView",
    "CannotGrow",
    "Client",
    "ClientError",
    "EmptyReplacement",
    "Event",
    "GiveUp",
    "InvalidInput",
    "InvalidWorkflow",
    "Job",
    "JobFailed",
    "JobHandle",
    "JobTimeout",
    "JobView",
    "LaneView",
    "NodeView",
    "NotFinished",
    "Problem",
    "RateLimited",
    "Retry",
    "ScheduleView",
    "Signature",
    "SoftTimeout",
    "Spawned",
    "Task",
    "Unreachable",
    "Unserialisable",
    "WarrenError",
    "WorkflowFailed",
    "WorkflowHandle",
    "WorkflowTimeout",
    "WorkflowView",
    "by_name",
    "chain",
    "chord",
    "group",
    "task",
]

# Declaring tasks needs no HTTP: the clients are imported by those who use them.
_LAZY = {
    "AsyncClient": "warren.async_client",
    "AsyncJobHandle": "warren.handle",
    "AsyncWorkflowHandle": "warren.canvas.handle",
    "Client": "warren.client",
    "JobHandle": "warren.handle",
    "WorkflowHandle": "warren.canvas.handle",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
