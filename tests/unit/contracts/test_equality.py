"""Slots: equal calls have the same one, different calls never."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.equality import Unique, cache_slot, cache_slots_of, filled, unique_slot
from shared.contracts.errors import InvalidInput
from tests.builders import a_job

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def turned(value: Any) -> Any:
    """Return an equal value with its members in another order."""
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(value)}
    return [turned(each) for each in value] if isinstance(value, list) else value


@given(JSON)
def test_the_order_of_members_makes_no_difference(value: Any) -> None:
    assert cache_slot("t", None, value) == cache_slot("t", None, turned(value))


@given(JSON, JSON)
def test_calls_have_one_slot_exactly_if_their_inputs_are_the_same_json(one: Any, two: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    assert (cache_slot("t", None, one) == cache_slot("t", None, two)) == same


def test_a_key_stands_for_the_input_and_belongs_to_its_task() -> None:
    assert cache_slot("t", "k", {"x": 1}) == cache_slot("t", "k", {"x": 2})
    slots = {
        cache_slot("t", "k", {}),
        cache_slot("u", "k", {}),
        cache_slot("t", None, "k"),
        cache_slot("t", None, {}),
    }
    assert len(slots) == 4
    assert cache_slot("t", "k", {}).startswith(cache_slots_of("t"))
    assert not cache_slot("t:u", "k", {}).startswith(cache_slots_of("t"))


def test_a_unique_job_is_known_by_the_dimensions_that_were_chosen() -> None:
    job = a_job(tags=("b", "a"), metadata='{"order":{"id":7,"n":1}}')
    other = a_job(tags=("a", "b"), metadata='{"order":{"id":7,"n":2}}', queue="bulk")
    by = ["task", "tags", "metadata.order.id", "input.customer"]
    one = unique_slot(job, by, {"customer": 1, "at": 5})
    assert one == unique_slot(other, list(reversed(by)), {"customer": 1, "at": 6})
    assert one != unique_slot(job, by, {"customer": 2})
    assert one != unique_slot(other, [*by, "queue"], {"customer": 1})
    assert one != unique_slot(job, by, {"customer": 1}, kind="d")


def test_the_keys_of_a_unique_job_may_be_what_counts() -> None:
    job, by = a_job(keys=("customer:7", "account:1")), ["task", "key"]
    assert unique_slot(job, by, 1) == unique_slot(a_job(keys=tuple(reversed(job.keys))), by, 2)
    assert unique_slot(job, by, 1) != unique_slot(a_job(keys=("customer:7",)), by, 1)
    assert Unique.model_validate({"by": by}).by == by


def test_a_template_is_filled_from_the_input() -> None:
    given = {"customer": {"id": 7}, "name": "a b", "tags": ["x"]}
    assert filled("{customer.id}:{name}/{tags}", given) == '7:a b/["x"]'
    assert filled("constant", given) == "constant"


def test_a_template_needs_its_members() -> None:
    with pytest.raises(InvalidInput) as refused:
        filled("{customer.name}", {"customer": {"id": 7}})
    assert refused.value.faults[0].pointer == "/input/customer/name"
