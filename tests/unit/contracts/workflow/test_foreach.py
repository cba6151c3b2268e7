"""One job for each element: ids, windows, results."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.ids import is_id, new_id
from shared.contracts.moves import Status
from shared.contracts.workflow.bits import all_of, set_of
from shared.contracts.workflow.faults import BadReference
from shared.contracts.workflow.foreach import (
    collected,
    element_ids,
    element_path,
    elements_of,
    end_of_elements,
    may_start,
)
from shared.contracts.workflow.resolution import Known
from shared.contracts.workflow.run_if import Parents, Signal

NODE = new_id(datetime(2026, 1, 1, tzinfo=UTC))


def test_an_expansion_that_is_repeated_has_the_same_ids() -> None:
    ids = list(element_ids(NODE, range(1000)))
    assert ids == list(element_ids(NODE, range(1000)))
    assert list(element_ids(NODE, [7, 3])) == [ids[7], ids[3]]
    assert ids == sorted(set(ids))
    assert all(map(is_id, ids))
    assert not set(ids) & set(element_ids(NODE, range(1000), run=1))
    assert element_path("a/fetch", 17) == "a/fetch/17"


@pytest.mark.parametrize(
    ("value", "kind"),
    [({}, "an object"), ("x", "text"), (None, "null"), (1, "a number"), (True, "a boolean")],
)
def test_foreach_needs_a_list(value: object, kind: str) -> None:
    with pytest.raises(BadReference, match=f"node fetch needs a list and got {kind}"):
        elements_of(value, node="fetch")


def test_a_list_may_be_empty_but_not_endless() -> None:
    assert elements_of([], node="n") == []
    nothing = Parents.waiting(0)
    assert (may_start(nothing, 5), end_of_elements(nothing)) == (0, Status.SUCCEEDED)
    assert collected([]) == []
    with pytest.raises(BadReference, match="100001 elements, more than 100000"):
        elements_of([0] * 100_001, node="n")


@given(st.integers(0, 50), st.integers(1, 60), st.sets(st.integers(0, 49)))
def test_the_window_moves_with_every_end_and_never_shrinks(
    total: int, most: int, ended: set[int]
) -> None:
    elements = Parents.waiting(total)
    started = may_start(elements, most)
    assert started == min(total, most)
    for place in [place for place in ended if place < total]:
        elements = elements.told(set_of([place]), Signal.GOOD)
        assert may_start(elements, most) == min(total, started + 1)
        started = may_start(elements, most)
    assert may_start(elements, None) == total


def test_results_stand_in_declared_order_with_null_where_there_is_none() -> None:
    elements = [Known(1), Known(missing=True), Known([2], joined=("x", "y")), Known(None)]
    assert collected(elements) == [1, None, [2], "x", "y", None]


def test_one_element_that_fails_fails_the_node_once_all_have_ended() -> None:
    elements = Parents.waiting(3).told(set_of([0, 2]), Signal.GOOD)
    assert end_of_elements(elements.told(set_of([1]), Signal.FAILED)) is Status.FAILED
    assert end_of_elements(Parents.waiting(3).told(all_of(3), Signal.GOOD)) is Status.SUCCEEDED
