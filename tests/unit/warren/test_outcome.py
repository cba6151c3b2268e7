"""Results and errors as JSON, whatever they are."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, model_serializer

from warren import GiveUp, InvalidInput, RateLimited, Retry, SoftTimeout, Unserialisable
from warren.json_limits import LARGEST, SMALLEST
from warren.outcome import error_of, plain, said_by, snooze_of, to_json


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Pair:
    left: object
    right: object


class Size(BaseModel):
    width: object = Field(alias="w")


class Grumpy(BaseModel):
    @model_serializer
    def serialise(self) -> object:
        raise LookupError("not today")


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def test_rich_values_are_written_as_json() -> None:
    value = [
        datetime(2026, 1, 2, tzinfo=UTC),
        timedelta(seconds=90),
        UUID(int=1),
        Decimal("1.50"),
        Colour.RED,
        {1},
        b"ok",
        Pair(1, None),
        Size(w=2),
        (1, 2),
    ]
    assert json.loads(to_json(value)) == [
        "2026-01-02T00:00:00Z",
        "PT1M30S",
        "00000000-0000-0000-0000-000000000001",
        "1.50",
        "red",
        [1],
        "ok",
        {"left": 1, "right": None},
        {"w": 2},
        [1, 2],
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [1, object()]}, "a value of type object cannot become JSON, at /a/1"),
        (Pair(1, lambda: None), "a value of type function cannot become JSON, at /right"),
        ({"s": Size(w=int)}, "a value of type type cannot become JSON, at /s/width"),
        (float("nan"), "NaN is not JSON at the top"),
        ({"a": {"b": [0.5, float("-inf")]}}, "-Infinity is not JSON at /a/b/1"),
        ([2**63], "an integer beyond 64 bits at /0"),
        ([-(2**63) - 1], "an integer beyond 64 bits at /0"),
        ({"k": "\ud800"}, "text with a lone surrogate cannot become JSON, at /k"),
        ({"\ud800": 1}, "text with a lone surrogate cannot become JSON, at /(key)"),
        ([b"\xff"], "bytes that are not UTF-8 text cannot become JSON, at /0"),
        (nested(101), "more than 100 levels of nesting at " + "/0" * 100),
        (nested(1000), "the value has more than 100 levels of nesting"),
        (Grumpy(), "a value of type tests.unit.warren.test_outcome.Grumpy cannot become JSON"),
    ],
)
def test_what_is_not_json_is_refused_with_what_and_where(value: object, said: str) -> None:
    with pytest.raises(Unserialisable) as caught:
        to_json(value)
    assert said in str(caught.value)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(Unserialisable, match="contains itself"):
        to_json({"a": loop})


def test_the_limits_themselves_are_fine() -> None:
    value = [SMALLEST, LARGEST, nested(99), "NaN and Infinity as text", "9" * 40]
    assert json.loads(to_json(value)) == value


def test_a_wide_value_is_not_a_deep_one() -> None:
    value: list[object] = [[] for _ in range(500)]
    assert json.loads(to_json(value)) == value


def test_plain_keeps_json_and_shows_the_rest() -> None:
    assert plain({"at": datetime(2026, 1, 2, tzinfo=UTC)}) == {"at": "2026-01-02T00:00:00Z"}
    assert plain(float("nan")) == "nan"
    assert plain(Colour) == "<enum 'Colour'>"


def test_an_error_is_its_class_and_its_message() -> None:
    error = error_of(raised(ValueError("no such page")), attempt=3)
    assert (error["type"], error["message"], error["attempt"]) == ("ValueError", "no such page", 3)
    assert error["retryable"] is True
    assert error["traceback"].endswith("ValueError: no such page\n")
    assert "in raised" in error["traceback"]


@pytest.mark.parametrize(
    ("exc", "kind", "retryable"),
    [
        (Retry(5, "busy"), "Retry", True),
        (RateLimited(5), "RateLimited", True),
        (GiveUp("no use"), "GiveUp", False),
        (InvalidInput([{"pointer": "/x", "message": "is odd"}]), "invalid-input", False),
        (Unserialisable("NaN is not JSON"), "unserialisable-result", False),
        (SoftTimeout(3), "timeout", True),
        (SystemExit(3), "SystemExit", True),
        (KeyError("x"), "KeyError", True),
    ],
)
def test_errors_know_their_type_and_whether_to_retry(
    exc: BaseException, kind: str, retryable: bool
) -> None:
    error = error_of(exc, attempt=1)
    assert (error["type"], error["retryable"]) == (kind, retryable)


def test_a_task_has_a_say_in_whether_to_retry() -> None:
    error = error_of(KeyError("x"), attempt=1, retryable=lambda error: "x" not in str(error))
    assert error["retryable"] is False


@pytest.mark.parametrize(
    ("exc", "after_s"),
    [
        (Retry(5), 5.0),
        (Retry(0), 0.0),
        (Retry(-3), 0.0),
        (RateLimited(2.5), 2.5),
        (Retry(float("inf")), 100 * 365 * 86_400.0),
        (Retry(float("nan")), None),
        (Retry(), None),
        (RateLimited(), None),
        (GiveUp(), None),
        (ValueError("x"), None),
    ],
    ids=repr,
)
def test_a_rest_is_what_a_signal_with_a_time_asks_for(
    exc: BaseException, after_s: float | None
) -> None:
    assert snooze_of(exc) == after_s


def raising(error: BaseException) -> Callable[[object], str]:
    def raises(self: object) -> str:
        raise error

    return raises


@pytest.mark.parametrize(
    "methods",
    [
        {"__str__": raising(ValueError("again"))},
        {"__str__": raising(SystemExit())},
        {"__str__": raising(RecursionError())},
        {"__str__": lambda self: 3},
        {"__str__": lambda self: "\ud800" * 3},
        {"__str__": lambda self: "x" * 1_000_000},
        {"__notes__": 7},
    ],
)
def test_the_strangest_exception_becomes_an_error(methods: dict[str, Any]) -> None:
    strange = type("Strange", (Exception,), methods)("text")
    error = error_of(raised(strange), attempt=1)
    assert error["type"] == "Strange"
    assert len(json.dumps(error).encode()) < 100_000
    assert json.loads(to_json(error)) == error
    assert said_by(strange).startswith("Strange: ")


def test_a_chain_of_causes_that_bites_its_tail_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert "first" in error_of(first, attempt=1)["traceback"]


def test_a_long_traceback_keeps_its_end() -> None:
    error = error_of(ValueError("a" * 20_000 + "the end"), attempt=1)
    assert error["message"].endswith("…")
    assert error["traceback"].rstrip().endswith("the end")


def raised(exc: Exception) -> Exception:
    with pytest.raises(type(exc)) as caught:
        raise exc
    return caught.value
