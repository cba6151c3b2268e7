"""What the service knows of a task: the entry that a worker declares and the gateway serves."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntry:
    """One task of the catalogue."""

    name: str
    queue: str
    execution: str  # "loop", "thread" or "process"
    doc: str = ""
    timeout_s: float | None = None
    soft_timeout_s: float | None = None
    priority: int = 5
    retry: dict[str, Any] | None = None  # as the API has it; None is one attempt
    limits: tuple[dict[str, Any], ...] = ()  # as the API has them
    expires_in_s: float | None = None
    retention_s: float | None = None  # how long ends are remembered; None leaves it to the setting
    schedule: dict[str, Any] | None = None  # as the API has it
    cache: dict[str, Any] | None = None  # as the API has it; its key is a template over the input
    unique: dict[str, Any] | None = None  # as the API has it
    debounce_s: float | None = None
    debounce_max_s: float | None = None
    key: tuple[str, ...] = ()  # templates over the input
    key_limit: int | None = None
    when_busy: str | None = None
    key_max_waiting: int | None = None
    input_schema: dict[str, Any] = field(default_factory=dict)  # JSON Schema 2020-12
    output_schema: dict[str, Any] = field(default_factory=dict)
    examples: tuple[dict[str, Any], ...] = ()
