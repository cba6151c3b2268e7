"""Finds the part of a value that cannot become JSON, so that the message can name it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

_DEEPEST = 100


def misfit(value: object, error: Exception) -> str:
    """One sentence on what in the value is not JSON, and where."""
    said = str(error)
    if "Circular reference" in said:
        return "the value contains itself"
    if "depth" in said or isinstance(error, RecursionError):
        return f"the value has more than {_DEEPEST} levels of nesting"
    pointer, part = _innermost(value)
    return f"{_what(part)} cannot become JSON, at {pointer or 'the top'}"


def _what(part: object) -> str:
    if isinstance(part, str):
        return "text with a lone surrogate"
    if isinstance(part, bytes | bytearray):
        return "bytes that are not UTF-8 text"
    kind = type(part)
    return f"a value of type {kind.__module__}.{kind.__qualname__}".replace("builtins.", "")


def _innermost(value: object) -> tuple[str, object]:
    pointer = ""
    for _ in range(_DEEPEST):
        bad = next((step for step in _parts(value) if not _fits(step[1])), None)
        if bad is None:
            break
        pointer, value = f"{pointer}/{bad[0]!s:.100}", bad[1]
    return pointer.encode("utf-8", "backslashreplace").decode(), value


def _parts(value: object) -> Iterator[tuple[Any, object]]:
    if isinstance(value, Mapping):
        # A key is a part too: a lone surrogate may sit there.
        yield from (("(key)", key) for key in value if isinstance(key, str))
        yield from value.items()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from enumerate(value)
    elif isinstance(value, BaseModel):
        yield from value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((f.name, getattr(value, f.name, None)) for f in dataclasses.fields(value))


def _fits(part: object) -> bool:
    try:
        to_json(part, inf_nan_mode="constants")
    except Exception:  # noqa: BLE001 - whatever it raised, this is the part to look into
        return False
    return True
