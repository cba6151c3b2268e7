"""What `@task(unique=..., debounce_s=...)` says of equal calls, checked where it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from warren.options import YEAR_S, check_seconds, whole_rule, within

_FIELDS: dict[str, Any] = {"for": "incomplete", "by": ["task", "input"], "replace": []}
_DIMENSION = re.compile(r"task|queue|key|tags|(input|metadata)(\.[^.]{1,100}){0,8}")
_REPLACEABLE = {
    "input", "priority", "run_at", "expires_at", "timeout_s", "soft_timeout_s", "retry", "tags",
    "metadata",
}  # fmt: skip


def unique_of(task: str, given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The rule as the API has it, defaults filled in; ValueError for what makes no sense."""
    rule = whole_rule(task, "unique", given, _FIELDS, "{'by': ['input.order']}")
    if rule is None:
        return None
    if not _is_period(rule["for"]):
        said = "'incomplete', 'successful' or a number of seconds above 0"
        raise ValueError(f"task {task!r}: unique has for={rule['for']!r}; it must be {said}")
    by, replace = _texts(task, "by", rule["by"]), _texts(task, "replace", rule["replace"])
    if not by or not all(map(_DIMENSION.fullmatch, by)):
        raise ValueError(
            f"task {task!r}: unique has by={by!r}; it takes task, queue, key, tags, input, metadata"
            " and members of the last two, as in 'input.order.id'"
        )
    if wrong := set(replace) - _REPLACEABLE:
        raise ValueError(f"task {task!r}: unique cannot replace {min(wrong)!r}")
    return {"for": rule["for"], "by": by, "replace": replace}


def check_debounce(
    task: str, seconds: float | None, longest: float | None, unique: Mapping[str, Any] | None
) -> None:
    """Raise ValueError unless a burst of calls can be made one job in this way."""
    check_seconds(task, "debounce_s", seconds)
    check_seconds(task, "debounce_max_s", longest)
    if seconds is None:
        if longest is not None:
            raise ValueError(f"task {task!r}: debounce_max_s means nothing without debounce_s")
        return
    if longest is not None and longest < seconds:
        raise ValueError(f"task {task!r}: debounce_max_s={longest!r} is less than debounce_s")
    if unique and (unique["for"] != "incomplete" or unique["replace"]):
        raise ValueError(
            f"task {task!r}: with debounce_s, unique takes only `by`; the newest input counts"
        )


def _is_period(value: object) -> bool:
    if isinstance(value, str):
        return value in ("incomplete", "successful")
    return within(0, value, YEAR_S) and value != 0


def _texts(task: str, field: str, value: object) -> list[str]:
    if isinstance(value, list | tuple) and len(value) <= 20:
        texts = [each for each in value if isinstance(each, str)]
        if len(texts) == len(value):
            return texts
    raise TypeError(f"task {task!r}: unique has {field}={value!r}; it must be a list of names")
