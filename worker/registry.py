"""Which tasks this worker knows: loaded from the modules that WARREN_TASKS names."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import BadSetting
from warren.task import Task, tasks_of

AnyTask = Task[..., Any]


class Registry:
    """Tasks by name."""

    def __init__(self, tasks: Iterable[AnyTask]) -> None:
        self._tasks: dict[str, AnyTask] = {}
        for task in tasks:
            if self._tasks.setdefault(task.name, task) is not task:
                raise BadSetting(f"WARREN_TASKS loads two tasks named {task.name}; rename one")

    def get(self, name: str) -> AnyTask:
        """Return a task; KeyError if we do not know it."""
        return self._tasks[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all tasks."""
        return tuple(sorted(self._tasks))

    @property
    def queues(self) -> tuple[str, ...]:
        """Return every queue that some task has as its own."""
        return tuple(sorted({task.queue for task in self._tasks.values()}))

    def entries(self) -> list[TaskEntry]:
        """Return what the catalogue shows of these tasks."""
        return [_entry(self._tasks[name]) for name in self.names]


def load_registry(modules: Iterable[str]) -> Registry:
    """Import the modules, and those inside packages; raise BadSetting if there is no task."""
    names = list(modules)
    registry = Registry(
        task for name in names for module in _import(name) for task in tasks_of(module)
    )
    if not registry.names:
        raise BadSetting(f"WARREN_TASKS={','.join(names)} holds no task; declare one with @task")
    return registry


def _import(name: str) -> Iterator[ModuleType]:
    try:
        module = importlib.import_module(name)
        yield module
        for inner in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
            yield importlib.import_module(inner.name)
    except (Exception, SystemExit) as error:
        raise BadSetting(
            f"WARREN_TASKS names {name}, which cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _entry(task: AnyTask) -> TaskEntry:
    return TaskEntry(
        name=task.name,
        queue=task.queue,
        execution=task.execution,
        doc=task.doc,
        timeout_s=task.timeout_s,
        soft_timeout_s=task.soft_timeout_s,
        priority=task.priority,
        retry=task.retry,
        limits=tuple(task.limits),
        expires_in_s=task.expires_in_s,
        retention_s=task.retention_s,
        schedule=task.schedule,
        cache=task.cache,
        unique=task.unique,
        debounce_s=task.debounce_s,
        debounce_max_s=task.debounce_max_s,
        key=task.key,
        key_limit=task.key_limit,
        when_busy=task.when_busy,
        key_max_waiting=task.key_max_waiting,
        input_schema=task.input_schema(),
        output_schema=task.output_schema(),
        examples=tuple(task.examples),
    )
