"""Values as they stand in a workflow's document: data, and references to the results of nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from warren.outcome import to_json

ITEM = {"$item": ""}
"""The element, in the input of a node with `foreach`."""

_REFERENCES = frozenset({"$from", "$error", "$item"})
_RESERVED = _REFERENCES | {"$literal"}


def literal(value: object) -> Any:
    """The value as JSON that nobody will take for a reference; Unserialisable if it cannot be."""
    text = to_json(value)
    plain = from_json(text)
    return _wrapped(plain) if b'"$' in text else plain


def unwrapped(template: Any) -> Any:
    """The value that `literal` made this template of."""
    if isinstance(template, dict):
        if "$literal" in template:
            return template["$literal"]
        return {key: unwrapped(part) for key, part in template.items()}
    return [unwrapped(part) for part in template] if isinstance(template, list) else template


def result_of(node: str) -> dict[str, Any]:
    """A reference to the result of a node."""
    return {"$from": node}


def errors_for_results(template: Any) -> Any:
    """The template with the error of each node in the place of its result."""
    if isinstance(template, dict):
        if "$literal" in template:
            return template
        if "$from" in template:
            return {"$error": template["$from"]}
        return {key: errors_for_results(part) for key, part in template.items()}
    return (
        [errors_for_results(part) for part in template] if isinstance(template, list) else template
    )


def references(template: Any) -> Iterator[str]:
    """The nodes that a template refers to; `""` is what a hook belongs to, and also an item."""
    to_visit = [template]
    while to_visit:
        part = to_visit.pop()
        if isinstance(part, list):
            to_visit += part
        elif isinstance(part, dict) and "$literal" not in part:
            if _REFERENCES.isdisjoint(part):
                to_visit += part.values()
            else:
                yield str(part.get("$from", part.get("$error", "")))


def refuse_reserved(names: Iterator[str] | set[str]) -> None:
    """Raise ValueError for keys that a reference would have."""
    if taken := _RESERVED.intersection(names):
        raise ValueError(f"{min(taken)!r} cannot be a key beside a signature: it means a reference")


def _wrapped(value: Any) -> Any:
    if isinstance(value, dict):
        if not _RESERVED.isdisjoint(value):
            return {"$literal": value}
        return {key: _wrapped(part) for key, part in value.items()}
    return [_wrapped(part) for part in value] if isinstance(value, list) else value
