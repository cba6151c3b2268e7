"""The name of a task: which one it has, and which functions may have one."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,200}")


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
