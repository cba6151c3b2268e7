"""The strict JSON edge: what a lenient parser lets pass is refused here with a reason.

Refused: NaN and infinities, duplicate keys, lone surrogates, NUL characters, integers that do
not fit 64 signed bits, numbers beyond a double, nesting deeper than a limit, and anything that is
not UTF-8.
"""

import json
import re
from typing import Any

import orjson

from shared.contracts.errors import Malformed

MAX_DEPTH = 64
# Possessive, and the closing quote optional: a string without end is passed over in one go.
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_INNERMOST = re.compile(rb"\[\]|\{\}")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_LONG_NUMBER = re.compile(rb"[0-9]{19}")  # shorter ones fit 64 bits
_UNSURE = object()


def parse(body: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Return the value of `body`, or raise Malformed with the reason."""
    value = _plain(body, max_depth)
    return _checked(body, max_depth) if value is _UNSURE else value


def _plain(body: bytes, max_depth: int) -> Any:
    """Return the value of a body in which, as a quick look tells, nothing is to be refused.

    Without backslashes every quote begins or ends a string, so that the rest can be looked at
    alone; and a key that stands twice costs quotes, for it is written once.
    """
    if b"\\" in body:
        return _UNSURE
    outside = b"".join(body.split(b'"')[::2])
    if _LONG_NUMBER.search(outside):
        return _UNSURE
    try:
        _check_depth(outside, max_depth)
        value = orjson.loads(body)
    except (Malformed, orjson.JSONDecodeError):
        return _UNSURE
    return value if orjson.dumps(value).count(b'"') == body.count(b'"') else _UNSURE


def _checked(body: bytes, max_depth: int) -> Any:
    """Return the value of any body, looked at piece by piece."""
    if body.count(b"[") + body.count(b"{") > max_depth:
        _check_depth(_STRINGS.sub(b"", body), max_depth)
    try:
        text = body.decode()
        if "\\u0000" in text and _NUL.search(text):
            raise Malformed("the body holds a NUL character (\\u0000); leave it out")
        value = _DECODER.decode(text)
        if "\\u" in text:
            orjson.dumps(value)  # refuses lone surrogates
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise Malformed(f"the body is not JSON: {error.msg} at {where}") from error
    except (orjson.JSONEncodeError, orjson.JSONDecodeError) as error:
        raise Malformed(f"the body holds a character that is not valid Unicode: {error}") from error
    return value


def dump(value: Any) -> str:
    """Return `value`, which came from `parse`, as compact JSON text."""
    return orjson.dumps(value).decode()


def _check_depth(outside: bytes, max_depth: int) -> None:
    """Raise Malformed if the brackets in what stands outside of strings nest too deep."""
    rest = brackets = outside.translate(None, _NO_BRACKETS)
    for _ in range(max_depth):  # much quicker than to count one by one
        rest, closed = _INNERMOST.subn(b"", rest)
        if not closed:
            break
    if not rest:
        return
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > max_depth:
            raise Malformed(f"the body nests deeper than {max_depth} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Malformed(f"the key {twice[:80]!r} stands twice in one object")
    return value


def _integer(digits: str) -> int:
    if len(digits) > 20 or not _INT_MIN <= (value := int(digits)) <= _INT_MAX:
        raise Malformed(f"the integer {digits[:24]} does not fit 64 bits; send it as a string")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Malformed(f"the number {digits[:24]} does not fit a double; send it as a string")
    return value


def _constant(name: str) -> Any:
    raise Malformed(f"{name} is not JSON; use null or a string")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)
