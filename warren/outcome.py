"""What a run leaves behind, as JSON: its result, or its error."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticSerializationError, from_json
from pydantic_core import to_json as dump

from warren.errors import InvalidInput, RateLimited, Retry, SoftTimeout, Unserialisable
from warren.json_limits import check_limits
from warren.misfit import misfit
from warren.verdict import Verdict

_LONGEST_MESSAGE = 4_000
_LONGEST_TRACEBACK = 16_000
_TYPES: dict[type[BaseException], str] = {
    InvalidInput: "invalid-input",
    Unserialisable: "unserialisable-result",
    SoftTimeout: "timeout",
}
_LONGEST_SNOOZE_S = 100 * 365 * 86_400.0
_usual = Verdict("").retryable


def to_json(value: object) -> bytes:
    """The value as strict JSON; pydantic models, dataclasses, dates and their like included.

    Raises Unserialisable, naming what and where, for anything that is not JSON: unknown objects,
    NaN and infinities, integers beyond 64 bits, lone surrogates, cycles, more than 100 levels.
    """
    try:
        text = dump(value, inf_nan_mode="constants")
    except (PydanticSerializationError, RecursionError) as error:
        raise Unserialisable(misfit(value, error)) from error
    except Exception as error:  # a value's own serialiser may raise anything
        raise Unserialisable(f"serialising it raised {said_by(error)}") from error
    check_limits(text)
    return text


def plain(value: object) -> Any:
    """The value as it comes out of JSON again, or its `repr` where it is not JSON."""
    try:
        return from_json(to_json(value))
    except Unserialisable:
        return _text(repr, value, _LONGEST_MESSAGE)


def error_of(
    exc: BaseException, *, attempt: int, retryable: Callable[[BaseException], bool] = _usual
) -> dict[str, Any]:
    """The exception as a job's `error`: JSON whatever it is, and this never raises.

    `retryable` is the task's own verdict (`Task.retryable`), where a task is at hand.
    """
    return {
        "type": _TYPES.get(type(exc)) or _name(exc),
        "message": _text(str, exc, _LONGEST_MESSAGE) or f"{_name(exc)}, without a message",
        "retryable": retryable(exc),
        "attempt": attempt,
        "traceback": _text(_traceback, exc, _LONGEST_TRACEBACK, keep_end=True),
    }


def snooze_of(exc: BaseException) -> float | None:
    """For how many seconds the task asked to rest; None if the exception asks for no such thing.

    A rest costs no attempt. Retry or RateLimited without a time is an attempt that failed.
    """
    after_s = exc.after_s if isinstance(exc, Retry | RateLimited) else None
    if after_s is None or math.isnan(after_s):
        return None
    return min(max(0.0, after_s), _LONGEST_SNOOZE_S)


def said_by(exc: BaseException) -> str:
    """One line for an exception: its class and its message."""
    return f"{_name(exc)}: {_text(str, exc, _LONGEST_MESSAGE)}"


def _traceback(exc: BaseException) -> str:
    return "".join(traceback.format_exception(exc))


def _name(exc: BaseException) -> str:
    return _text(lambda e: type(e).__name__, exc, 200)


def _text(read: Any, value: object, limit: int, *, keep_end: bool = False) -> str:
    # The value is somebody else's object: its __str__ may raise anything, SystemExit included.
    try:
        text = str(read(value)).encode("utf-8", "backslashreplace").decode()
    except BaseException as failure:  # noqa: BLE001 - see above
        return f"<{type(value).__name__} that cannot be shown: {type(failure).__name__}>"
    if len(text) <= limit:
        return text
    return "…" + text[-limit:] if keep_end else text[:limit] + "…"
