"""What is sent to hand in a job: the task, its input, and the fields beside them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from warren.errors import InvalidInput

if TYPE_CHECKING:
    from warren.task import Task

FIELDS = frozenset(
    {
        "cache", "debounce_max_s", "debounce_s", "delay_s", "expires_at", "expires_in_s", "key",
        "key_limit", "key_max_waiting", "limits", "metadata", "priority", "queue", "retry",
        "run_at", "soft_timeout_s", "tags", "timeout_s", "unique", "webhook", "when_busy",
    }
)  # fmt: skip
"""Every field of a submission beside `task` and `input`; the service says which work already."""

_AS_THEY_ARE = frozenset({"input", "metadata"})

EXTRAS = frozenset({"idempotency_key", "wait"})
"""What may stand beside the fields, and travels in headers."""


def submission_of(
    task: Task[..., Any] | str, value: object, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """The submission; with a Task at hand, its input is checked here and now (InvalidInput)."""
    given = {} if value is None else value
    if isinstance(task, str):
        return {"task": task, "input": given, **sendable(fields)}
    return {"task": task.name, "input": task.checked(given), **sendable(fields)}


def sendable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as the service reads them: a timedelta as seconds, a datetime with its zone.

    InvalidInput for a datetime without one: nobody could know which instant it means.
    """
    return {
        name: value if name in _AS_THEY_ARE else _sendable(f"/{name}", value)
        for name, value in fields.items()
    }


def _sendable(pointer: str, value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {name: _sendable(f"{pointer}/{name}", inner) for name, inner in value.items()}
    if isinstance(value, datetime) and value.utcoffset() is None:
        message = "needs a time zone, as in datetime.now(UTC)"
        raise InvalidInput([{"pointer": pointer, "message": message}])
    return value


def split(
    task: Task[..., Any], arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keyword arguments of `task.submit(...)`: those of the function, and submission fields.

    Where a parameter of the function has the name of a field, the function wins; use
    `Client.submit(task, {...}, queue=...)` to set such a field.
    """
    parameters = task.signature.public.parameters
    call = {name: value for name, value in arguments.items() if name in parameters}
    fields = {name: value for name, value in arguments.items() if name not in parameters}
    if unknown := fields.keys() - FIELDS - EXTRAS:
        raise TypeError(
            f"task {task.name!r} has no parameter {min(unknown)!r}, and it is no submission field"
        )
    return call, fields
