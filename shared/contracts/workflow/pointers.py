"""JSON Pointers (RFC 6901): where in a value something stands."""

import re
from typing import Any

_PART = re.compile(r"(?:[^~]|~[01])*")
_INDEX = re.compile(r"0|[1-9][0-9]*")
_LONGEST = 1_000


class NothingThere(Exception):
    """A pointer leads to nothing in this value; the message says at which step."""


def pointer_fault(text: object) -> str | None:
    """Return what is wrong with a pointer, or None."""
    if not isinstance(text, str):
        return "a JSON Pointer is text"
    if len(text) > _LONGEST:
        return f"a JSON Pointer has at most {_LONGEST} characters"
    if text and not text.startswith("/"):
        return f"{text[:80]!r} is no JSON Pointer: it must be empty or begin with '/'"
    if not _PART.fullmatch(text):
        return f"{text[:80]!r} is no JSON Pointer: '~' stands only in '~0' and '~1'"
    return None


def escaped(part: object) -> str:
    """Return one step of a pointer."""
    return str(part).replace("~", "~0").replace("/", "~1")


def pick(value: Any, pointer: str) -> Any:
    """Return what stands at `pointer` in a JSON value; raise NothingThere."""
    if not pointer:
        return value
    walked = ""
    for step in pointer[1:].split("/"):
        part = step.replace("~1", "/").replace("~0", "~")
        value = _step(value, part, walked)
        walked += f"/{step}"
    return value


def _step(value: Any, part: str, walked: str) -> Any:
    where = walked or "the top"
    if isinstance(value, dict):
        if part not in value:
            raise NothingThere(f"there is no member {part[:80]!r} at {where}")
        return value[part]
    if isinstance(value, list):
        if not _INDEX.fullmatch(part) or len(part) > 9 or int(part) >= len(value):
            raise NothingThere(f"there is no element {part[:80]!r} at {where}")
        return value[int(part)]
    raise NothingThere(f"there is neither an object nor a list at {where}")
