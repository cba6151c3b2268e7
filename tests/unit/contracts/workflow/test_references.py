"""Telling references from data, wherever they stand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.workflow.references import (
    Kind,
    Reference,
    found_in,
    literal_members,
    reference_in,
    references_in,
    unwrapped,
)

keys = st.sampled_from(["a", "b", "$from", "$error", "$item", "$literal", "path", "$other"])
values = st.recursive(
    st.none() | st.integers(0, 9) | st.sampled_from(["", "n", "/a", "x~"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


def test_references_are_found_at_any_depth_in_their_order() -> None:
    template = {
        "rows": [{"$from": "a"}, {"deep": {"$from": "b", "path": "/x/0"}}],
        "why": {"$error": "c"},
        "x/y": {"$item": "/url"},
    }
    assert [(found.pointer, found.reference) for found in found_in(template, "/input")] == [
        ("/input/rows/0", Reference(Kind.FROM, "a")),
        ("/input/rows/1/deep", Reference(Kind.FROM, "b", "/x/0")),
        ("/input/why", Reference(Kind.ERROR, "c")),
        ("/input/x~1y", Reference(Kind.ITEM, "", "/url")),
    ]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"$from": 1}, "must name a node"),
        ({"$from": "a", "default": 0}, "takes no 'default'"),
        ({"$from": "a", "path": "x"}, "no JSON Pointer: it must be empty or begin with '/'"),
        ({"$from": "a", "path": "/~2"}, "'~' stands only in '~0' and '~1'"),
        ({"$from": "a", "$error": "a"}, "takes no"),
        ({"$item": "/a", "path": "/b"}, "takes no `path`"),
        ({"$item": 3}, "a JSON Pointer is text"),
        ({"$literal": 1, "more": 2}, "stands alone"),
        ({"$error": None}, "must name a node"),
    ],
)
def test_a_faulty_reference_is_told_with_its_place(value: dict[str, Any], why: str) -> None:
    found = list(found_in([0, value]))
    assert len(found) == 1
    assert found[0].pointer == "/1"
    assert why in found[0].fault
    assert references_in([0, value]) is None


def test_data_that_looks_like_a_reference_is_wrapped_as_a_literal() -> None:
    wrapped = {"$literal": {"$from": "not a node", "anything": [{"$item": 1}]}}
    assert list(found_in({"x": wrapped})) == []
    assert unwrapped({"x": [wrapped]}) == {"x": [wrapped["$literal"]]}
    assert unwrapped({"$literal": {"$literal": 1}}) == {"$literal": 1}


def test_other_keys_with_a_dollar_are_data() -> None:
    assert reference_in({"$ref": "#/x", "$schema": 1}) is None
    assert references_in({"$ref": "#/x"}) == []


def test_only_the_members_without_references_can_be_checked_early() -> None:
    template = {"x": 1, "y": {"$from": "a"}, "z": [{"$literal": {"$from": 3}}]}
    assert literal_members(template) == {"x": 1, "z": [{"$from": 3}]}


@given(values)
def test_the_fast_way_finds_what_the_thorough_way_finds(template: Any) -> None:
    thorough = list(found_in(template))
    if any(found.reference is None for found in thorough):
        assert references_in(template) is None
    else:
        assert references_in(template) == [found.reference for found in thorough]
