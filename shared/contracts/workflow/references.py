"""References in a node's input: finding them, and what makes one.

    {"$from": "pages", "path": "/0/url"}   the result of a node, or a part of it
    {"$error": "pages"}                    why a node has no result, or null
    {"$item": "/url"}                      a part of the element, in a node with `foreach`
    {"$literal": {...}}                    the value as it stands, whatever its keys

An object with one of these keys is a reference and has no other key than `path`. A value of yours
that happens to look so is wrapped in `$literal`; other keys with a dollar sign mean nothing. In a
hook, `""` names what the hook belongs to: its node, or the whole workflow; in a node with `hook`,
that of its parents which failed first.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from shared.contracts.workflow.pointers import escaped, pointer_fault


class Kind(StrEnum):
    """What a reference is to; the value is its key."""

    FROM = "$from"
    ERROR = "$error"
    ITEM = "$item"


LITERAL = "$literal"
_WRAPPED = b'"$literal"'
_KEYS = frozenset((*(kind.value for kind in Kind), LITERAL))


class Reference(NamedTuple):
    """Something that a value will be put in the place of."""

    kind: Kind
    node: str  # "" for an item, and for what a hook belongs to
    path: str = ""


class Found(NamedTuple):
    """A reference, or a fault in one, and where it stands."""

    pointer: str
    reference: Reference | None
    fault: str = ""


def reference_in(value: dict[str, Any]) -> Reference | None:
    """Return the reference that an object is, or None if it is data; raise ValueError if neither.

    An object with `$literal` is data here: see `is_literal`.
    """
    if (name := whole_node_in(value)) is not None:
        return Reference(Kind.FROM, name)
    kind = next((kind for kind in Kind if kind.value in value), None)
    if kind is None or is_literal(value):
        return None
    key = kind.value
    if extra := next((k for k in value if k not in (key, "path")), None):
        raise ValueError(
            f"a reference with {key} takes no {extra[:80]!r}; put {LITERAL} around a value of yours"
        )
    target, path = value[key], value.get("path", "")
    if kind is Kind.ITEM:
        if "path" in value:
            raise ValueError("$item is itself the JSON Pointer, and takes no `path`")
        target, path = "", target
    fault = pointer_fault(path) if isinstance(target, str) else f"{key} must name a node"
    if fault:
        raise ValueError(fault)
    return Reference(kind, target, path)


def whole_node_in(value: dict[str, Any]) -> str | None:
    """Return the node to whose whole result an object refers: by far the most usual reference."""
    if len(value) == 1 and type(name := value.get("$from")) is str:
        return name
    return None


def is_literal(value: dict[str, Any]) -> bool:
    """Say whether an object is `{"$literal": ...}`, whose value is taken as it stands."""
    return len(value) == 1 and LITERAL in value


def references_in(template: Any) -> list[Reference] | None:
    """Return the references in a value in their order, or None if one of them is faulty.

    What `found_in` does, without pointers and in a fraction of the time.
    """
    if not isinstance(template, dict | list) or b'"$' not in orjson.dumps(template):
        return []
    references: list[Reference] = []
    open_: list[Any] = [template]
    while open_:
        value = open_.pop()
        if type(value) is dict:
            if not _KEYS.isdisjoint(value):
                if not _take(value, references):
                    return None
                continue
            value = list(value.values())
        open_ += [part for part in reversed(value) if type(part) is dict or type(part) is list]
    return references


def _take(value: dict[str, Any], references: list[Reference]) -> bool:
    """Add the reference that an object is, or pass over a literal; say whether it is sound."""
    try:
        reference = reference_in(value)
    except ValueError:
        return False
    if reference is None:
        return is_literal(value)
    references.append(reference)
    return True


def found_in(template: Any, at: str = "") -> Iterator[Found]:
    """Yield each reference in a value, in the order in which they stand, with its pointer."""
    open_: list[tuple[str, Any]] = [(at, template)]
    while open_:
        pointer, value = open_.pop()
        if isinstance(value, list):
            parts = [(f"{pointer}/{i}", v) for i, v in enumerate(value) if _may_hold(v)]
            open_ += reversed(parts)
        elif isinstance(value, dict):
            if not _KEYS.isdisjoint(value):
                yield from _special(pointer, value)
            else:
                named = [(f"{pointer}/{escaped(k)}", v) for k, v in value.items() if _may_hold(v)]
                open_ += reversed(named)


def literal_members(template: dict[str, Any]) -> dict[str, Any]:
    """Return the members of an input that hold no reference, as the task will get them.

    The others cannot be checked against the task's schema before their values are known.
    """
    return {
        name: unwrapped(value) if _may_hold(value) else value
        for name, value in template.items()
        if not _may_hold(value) or next((f for f in found_in(value) if f.reference), None) is None
    }


def unwrapped(value: Any) -> Any:
    """Return a value that holds no reference, without its `$literal` wrappers."""
    return _unwrapped(value) if _may_hold(value) and _WRAPPED in orjson.dumps(value) else value


def _unwrapped(value: Any) -> Any:
    if isinstance(value, dict):
        if is_literal(value):
            return value[LITERAL]
        return {key: _unwrapped(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_unwrapped(part) for part in value]
    return value


def _special(pointer: str, value: dict[str, Any]) -> Iterator[Found]:
    if is_literal(value):
        return
    if LITERAL in value:
        yield Found(pointer, None, f"{LITERAL} stands alone in its object")
        return
    try:
        yield Found(pointer, reference_in(value))
    except ValueError as error:
        yield Found(pointer, None, str(error))


def _may_hold(value: Any) -> bool:
    return isinstance(value, dict | list)
