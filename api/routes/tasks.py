"""The catalogue of tasks."""

from typing import Any

from fastapi import APIRouter, Response

from api.answers import JSON
from api.contract import operations
from api.parts import PartsOf
from api.views import key_view, pause_view, to_json
from shared.contracts.catalogue import TaskEntry
from shared.contracts.pauses import Paused

router = APIRouter(tags=["tasks"])


@router.get("/v1/tasks", **operations.LIST_TASKS)
async def list_tasks(parts: PartsOf) -> Response:
    """List every task that some worker has declared."""
    paused = parts.held.paused
    body = {"tasks": [task_view(entry, paused) for entry in parts.catalogue.entries]}
    return Response(to_json(body), media_type=JSON)


@router.get("/v1/tasks/{task}", **operations.GET_TASK)
async def get_task(task: str, parts: PartsOf) -> Response:
    """Show one task: what it takes, what it returns, how it runs."""
    entry = await parts.catalogue.get(task)
    return Response(to_json(task_view(entry, parts.held.paused)), media_type=JSON)


def task_view(entry: TaskEntry, paused: Paused) -> dict[str, Any]:
    """Return the members of a task."""
    return {
        "name": entry.name,
        "doc": entry.doc,
        "queue": entry.queue,
        "execution": entry.execution,
        "timeout_s": entry.timeout_s,
        "soft_timeout_s": entry.soft_timeout_s,
        "priority": entry.priority,
        "retry": entry.retry,
        "limits": entry.limits,
        "expires_in_s": entry.expires_in_s,
        "retention_s": entry.retention_s,
        "schedule": entry.schedule,
        "cache": entry.cache,
        "unique": entry.unique,
        "debounce_s": entry.debounce_s,
        "debounce_max_s": entry.debounce_max_s,
        **pause_view(paused.tasks.get(entry.name)),
        "key": key_view(entry.key),
        "key_limit": entry.key_limit,
        "when_busy": entry.when_busy,
        "key_max_waiting": entry.key_max_waiting,
        "input_schema": entry.input_schema,
        "output_schema": entry.output_schema,
        "examples": entry.examples,
        "links": {"submit": f"/v1/tasks/{entry.name}/jobs", "jobs": f"/v1/jobs?task={entry.name}"},
    }
