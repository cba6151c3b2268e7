"""What a task's schema takes, the task takes; what it gives as JSON, JSON gives back."""

import json
from decimal import Decimal
from typing import Any, Literal

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from warren import InvalidInput, Unserialisable, task
from warren.json_limits import LARGEST, SMALLEST
from warren.outcome import to_json

whole = st.integers(SMALLEST, LARGEST)
plain = st.none() | st.booleans() | whole | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    plain | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


class Point(BaseModel):
    x: int
    y: float = 0.5
    label: str | None = None


@task(name="t.many")
def many(
    number: int,
    ratio: float,
    text: str,
    flag: bool,
    kind: Literal["a", "b"] = "a",
    maybe: int | None = None,
    either: int | str | list[bool] = 1,
    points: list[Point] = [],  # noqa: B006 - never changed
    table: dict[str, int] = {},  # noqa: B006 - never changed
    pair: tuple[int, str] = (1, ""),
    anything: Any = None,
) -> None: ...


validator = jsonschema_rs.validator_for(many.input_schema())
near_numbers = plain | st.sampled_from([1.0, -3.0, "1", True, 2.5])
near_points = st.fixed_dictionaries(
    {"x": near_numbers}, optional={"y": near_numbers, "label": texts | plain, "more": plain}
)
near_inputs = st.fixed_dictionaries(
    {"number": near_numbers, "ratio": near_numbers, "text": texts | plain, "flag": plain},
    optional={
        "kind": st.sampled_from(["a", "b", "c", 1]),
        "maybe": near_numbers,
        "either": near_numbers | texts | st.lists(near_numbers, max_size=2),
        "points": st.lists(near_points, max_size=3) | near_numbers,
        "table": st.dictionaries(texts, near_numbers, max_size=3),
        "pair": st.lists(near_numbers | texts, min_size=1, max_size=3),
        "anything": json_values,
        "unknown": plain,
    },
)
right_inputs = st.fixed_dictionaries(
    {
        "number": whole | st.integers(-1000, 1000).map(float),
        "ratio": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-1000, 1000),
        "text": texts,
        "flag": st.booleans(),
    },
    optional={
        "points": st.lists(st.fixed_dictionaries({"x": whole, "more": plain}), max_size=3),
        "pair": st.tuples(whole, texts).map(list),
        "either": whole | texts | st.lists(st.booleans()),
        "anything": json_values,
    },
)


def taken(value: dict[str, Any]) -> bool:
    try:
        many.validate(value)
    except InvalidInput:
        return False
    return True


def beyond(value: Any) -> bool:
    """Whether a number is so large that an integer parameter cannot hold it."""
    if isinstance(value, dict | list):
        return any(beyond(v) for v in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and not SMALLEST <= value < LARGEST


@settings(max_examples=100, deadline=None)
@given(near_inputs | right_inputs)
def test_the_task_takes_what_its_schema_takes_and_nothing_else(value: dict[str, Any]) -> None:
    if not beyond(value):
        assert taken(value) == validator.is_valid(value)


@settings(max_examples=50, deadline=None)
@given(right_inputs)
def test_right_inputs_are_taken(value: dict[str, Any]) -> None:
    assert taken(value)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_plain_json_comes_back_as_it_was(value: Any) -> None:
    assert json.loads(to_json(value)) == value


anything = st.recursive(
    plain | st.text() | st.floats() | st.integers() | st.binary(max_size=5) | st.just(object())
    | st.decimals() | st.datetimes() | st.uuids() | st.timedeltas() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    | st.tuples(inner, inner),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(anything)
def test_whatever_a_task_returns_is_strict_json_or_clearly_refused(value: Any) -> None:
    try:
        text = to_json(value)
    except Unserialisable:
        return
    strict = json.loads(text.decode(), parse_constant=lambda name: 1 / 0, parse_float=Decimal)
    assert all(SMALLEST <= number <= LARGEST for number in integers_in(strict))


def integers_in(value: Any) -> list[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for child in value for number in integers_in(child)]
    return [value] if isinstance(value, int) else []
