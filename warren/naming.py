"""What a declaration may say: the name of a task, its options, and why not others."""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,200}")
_OPTIONS = {"name", "queue", "timeout_s", "process", "title", "examples"}
_LATER = {
    "backoff_s", "cache", "cache_ttl_s", "debounce_s", "expires_in_s", "key", "key_limit", "limits",
    "metadata", "priority", "retry", "schedule", "soft_timeout_s", "tags", "unique", "when_busy",
}  # fmt: skip


def task_name(fn: Callable[..., Any], given: str | None) -> str:
    """The task's name: as given, or the last part of the module, a dot, the function."""
    _check_function(fn)
    name = f"{_module_of(fn)}.{fn.__name__}" if given is None else given
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot name a task: use 1 to 200 letters, digits, '_', '-' and '.';"
            " set it with @task(name=...)"
        )
    return name


def refuse_later_options(options: Mapping[str, object]) -> None:
    """Raise TypeError for options that do not exist, and for those that do not work yet."""
    for option in options.keys() - _OPTIONS:
        if option in _LATER:
            raise TypeError(f"@task({option}=...) is not available yet in this version of Warren")
        raise TypeError(f"@task has no option {option!r}; it has {', '.join(sorted(_OPTIONS))}")


def check_timeout(task: str, timeout_s: float | None, execution: str) -> float | None:
    """The timeout, if the execution can enforce it; else ValueError."""
    if timeout_s is None:
        return None
    if not math.isfinite(timeout_s) or timeout_s <= 0:
        raise ValueError(f"task {task!r}: timeout_s={timeout_s!r} must be a number above 0")
    if execution == "thread":
        raise ValueError(
            f"task {task!r} runs in a thread, which cannot be stopped, so timeout_s cannot be kept:"
            " use process=True or async def"
        )
    return timeout_s


def _check_function(fn: Callable[..., Any]) -> None:
    if not inspect.isfunction(fn):
        raise TypeError(f"@task is for functions, and {fn!r} is none: wrap it in a def")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise TypeError(
            f"{fn.__qualname__} is a generator, and a job has one result: return a list instead"
        )


def _module_of(fn: Callable[..., Any]) -> str:
    if fn.__module__ != "__main__":
        return fn.__module__.rpartition(".")[2]
    # Run as a script, a module has the name that a worker would import it by.
    return PurePath(getattr(sys.modules["__main__"], "__file__", None) or "main.py").stem
