"""The limits of strict JSON, checked on the text at the speed of a search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from warren.errors import Unserialisable

MOST_LEVELS = 100
SMALLEST, LARGEST = -(2**63), 2**63 - 1
# A translated search is ten times faster than a regular expression for 19 digits in a row.
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
_MANY_DIGITS = b"0" * 19


def check_limits(text: bytes) -> None:
    """Raise Unserialisable if the text breaks a limit; text that cannot is not parsed at all."""
    if _suspicious(text):
        for pointer, value, level in _walk(json.loads(text, parse_constant=_Constant)):
            if said := _broken_limit(value, level):
                raise Unserialisable(f"{said} at {pointer or 'the top'}")


def _suspicious(text: bytes) -> bool:
    return (
        b"NaN" in text
        or b"Infinity" in text
        or text.count(b"[") + text.count(b"{") > MOST_LEVELS
        or _MANY_DIGITS in text.translate(_DIGITS_ALIKE)
    )


class _Constant:
    """NaN or an infinity: what Python's JSON has and JSON has not."""

    def __init__(self, name: str) -> None:
        self.name = name


def _broken_limit(value: object, level: int) -> str | None:
    if isinstance(value, _Constant):
        return f"{value.name} is not JSON"
    if type(value) is int and not SMALLEST <= value <= LARGEST:
        return "an integer beyond 64 bits"
    if level > MOST_LEVELS:
        return f"more than {MOST_LEVELS} levels of nesting"
    return None


def _walk(top: Any) -> Iterator[tuple[str, Any, int]]:
    waiting = [("", top, 0)]
    while waiting:
        pointer, value, level = waiting.pop()
        inner = isinstance(value, dict | list)
        yield pointer, value, level + inner
        if inner:
            waiting += [(f"{pointer}/{key}", child, level + 1) for key, child in _children(value)]


def _children(value: Any) -> Iterator[tuple[Any, Any]]:
    return iter(value.items()) if isinstance(value, dict) else enumerate(value)
