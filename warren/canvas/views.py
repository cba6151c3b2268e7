"""A workflow as the service shows it, with types."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from warren.job_view import View


class WorkflowError(View):
    """Why a workflow failed: the error of the node that failed first and that nobody handled."""

    type: str
    message: str = ""
    node: str | None = None
    job_id: str | None = None
    attempts: int = 0


class NodeView(View):
    """One node, and how far it is; `id` is that of its job."""

    id: str
    status: str
    task: str | None = None
    after: list[str] = Field(default_factory=list)
    counts: dict[str, int] | None = None  # of a node with many jobs, how many have which status


class WorkflowView(View):
    """A workflow at one moment. Times are aware, in UTC."""

    id: str
    status: str
    done: bool = False
    counts: dict[str, int] = Field(default_factory=dict)
    nodes: dict[str, NodeView] = Field(default_factory=dict)
    result: Any = None
    error: WorkflowError | None = None
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime | None = None
    finished_at: datetime | None = None
    version: int = 0
    links: dict[str, Any] = Field(default_factory=dict)
