"""The options of `@task` that are about its key, checked where they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Any, Literal, get_args

WhenBusy = Literal["wait", "drop_new", "cancel_running", "fail"]

_MOST_KEYS = 8
_MOST_LIMIT = 1000
_MOST_WAITING = 10_000
_LONGEST = 200
_NO_KEY_OF = ("object", "array", "null")


def templates_of(task: str, key: str | Sequence[str] | None) -> tuple[str, ...]:
    """The templates; ValueError for one that is none."""
    given: tuple[object, ...] = ()
    if key is not None:
        given = (key,) if isinstance(key, str) else tuple(key)
    texts = tuple(each for each in given if isinstance(each, str) and each)
    if len(texts) != len(given) or len(texts) > _MOST_KEYS:
        raise ValueError(f"task {task!r}: key={key!r} must be a text, or up to {_MOST_KEYS} texts")
    for template in texts:
        try:
            list(_fields(template))
        except ValueError as error:
            raise ValueError(f"task {task!r}: key={template!r} is no template: {error}") from None
    return texts


def check_templates(task: str, templates: Sequence[str], schema: Mapping[str, Any]) -> None:
    """ValueError if a template names what the input does not have, or what cannot be a key."""
    for template in templates:
        for path in _fields(template):
            _check_path(task, template, path, schema)


def check_key_limit(task: str, limit: int | None) -> int | None:
    """The limit, if it is one; else ValueError."""
    return _whole(task, "key_limit", limit, _MOST_LIMIT)


def check_key_max_waiting(task: str, cap: int | None) -> int | None:
    """The cap, if it is one; else ValueError."""
    return _whole(task, "key_max_waiting", cap, _MOST_WAITING)


def check_when_busy(task: str, choice: WhenBusy | None) -> WhenBusy | None:
    """The choice, if there is such a one; else ValueError."""
    if choice is not None and choice not in get_args(WhenBusy):
        choices = ", ".join(get_args(WhenBusy))
        raise ValueError(f"task {task!r}: when_busy={choice!r} must be one of {choices}")
    return choice


def refuse_without_key(task: str, *options: object) -> None:
    """ValueError for options that mean nothing without a key."""
    if any(option is not None for option in options):
        raise ValueError(
            f"task {task!r}: key_limit, when_busy and key_max_waiting mean nothing without key="
        )


def _check_path(task: str, template: str, path: str, schema: Mapping[str, Any]) -> None:
    """Follow the path as far as the schema describes it."""
    at: Any = schema
    for depth, name in enumerate(path.split(".")):
        at = _resolved(at, schema)
        properties = at.get("properties")
        if properties is None and depth:
            return  # whatever an input may hold there
        if name not in (properties or {}):
            known = ", ".join(sorted(properties or {})) or "nothing"
            raise ValueError(f"task {task!r}: key={template!r} needs {path!r}; it takes {known}")
        at = properties[name]
    if _resolved(at, schema).get("type") in _NO_KEY_OF:
        raise ValueError(f"task {task!r}: key={template!r} needs a text or a number, not {path!r}")


def _resolved(at: Any, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while isinstance(at, Mapping) and "$ref" in at:
        at = schema.get("$defs", {}).get(str(at["$ref"]).rsplit("/", 1)[-1], {})
    return at if isinstance(at, Mapping) else {}


def _fields(template: str) -> Iterator[str]:
    for _, path, spec, conversion in Formatter().parse(template):
        if path is None:
            continue
        if spec or conversion or not all(part.isidentifier() for part in path.split(".")):
            raise ValueError("write {name}, or {name.inner} for what lies deeper")
        yield path


def _whole(task: str, option: str, number: int | None, most: int) -> int | None:
    if number is not None and (type(number) is not int or not 1 <= number <= most):
        raise ValueError(f"task {task!r}: {option}={number!r} must be a whole number up to {most}")
    return number
