"""Tells which parameter of a task asks for the Job."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from warren.job import Job


def is_job(hint: Any) -> bool:
    """Whether the annotation means the Job: `Job`, `Job | None`, `Annotated[Job, ...]`."""
    if isinstance(hint, type) and not get_args(hint):
        return issubclass(hint, Job)
    if get_origin(hint) is Annotated:
        return is_job(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return any(is_job(part) for part in get_args(hint))
    return False
