"""Values come into the place of references, without a store in sight."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.workflow.faults import BadReference
from shared.contracts.workflow.pointers import escaped, pick
from shared.contracts.workflow.resolution import Known, Made, resolve, resolving

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=10,
)


def gathered(template: Any, store: Mapping[str, Known | Made], **options: Any) -> Any:
    """Hold the conversation; every node may be asked for once."""
    talk = resolving(template, **options)
    asked: list[str] = []
    try:
        names = next(talk)
        while True:
            asked += names
            assert len(asked) == len(set(asked))
            names = talk.send({name: store[name] for name in names})
    except StopIteration as end:
        return end.value


def test_results_errors_and_items_take_their_places() -> None:
    known = {
        "pages": Known([{"url": "a"}, {"url": "b"}]),
        "broken": Known(error={"type": "ValueError", "node": "broken"}, missing=True),
    }
    template = {
        "first": {"$from": "pages", "path": "/0/url"},
        "all": {"$from": "pages"},
        "why": {"$error": "broken", "path": "/type"},
        "well": {"$error": "pages"},
        "item": {"$item": "/x"},
        "as it stands": {"$literal": {"$from": "pages"}},
    }
    assert resolve(template, known, item={"x": 7}) == {
        "first": "a",
        "all": [{"url": "a"}, {"url": "b"}],
        "why": "ValueError",
        "well": None,
        "item": 7,
        "as it stands": {"$from": "pages"},
    }


def test_a_node_without_a_value_gives_null_with_and_without_a_path() -> None:
    known = {"gone": Known(missing=True)}
    assert resolve([{"$from": "gone"}, {"$from": "gone", "path": "/a"}], known) == [None, None]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/b", "no member 'b' at the top"),
        ("/a/7", "no element '7' at /a"),
        ("/a/-", "no element '-'"),
        ("/a/00", "no element '00'"),
        ("/a/0/x", "neither an object nor a list at /a/0"),
    ],
)
def test_a_path_that_leads_to_nothing_names_the_node_and_the_step(path: str, why: str) -> None:
    with pytest.raises(BadReference, match=why) as caught:
        resolve({"$from": "n", "path": path}, {"n": Known({"a": [1]})})
    assert "'n'" in str(caught.value)


@given(json_values)
def test_every_part_of_a_value_can_be_pointed_at(value: Any) -> None:
    parts = [("", value)]
    for pointer, part in parts:
        assert pick(value, pointer) == part
        if isinstance(part, dict):
            parts += [(f"{pointer}/{escaped(key)}", each) for key, each in part.items()]
        elif isinstance(part, list):
            parts += [(f"{pointer}/{i}", each) for i, each in enumerate(part)]


@given(json_values)
def test_any_value_survives_as_a_literal(value: Any) -> None:
    assert resolve([{"$literal": value}], {}) == [value]


def test_what_joined_a_node_follows_it_in_a_list_and_nowhere_else() -> None:
    known = {"a": Known(0, joined=(5, 6)), "b": Known(7)}
    assert resolve([{"$from": "a"}, {"$from": "b"}], known) == [0, 5, 6, 7]
    assert resolve({"x": {"$from": "a"}}, known) == {"x": 0}


def test_nodes_without_a_task_are_worth_their_templates() -> None:
    store: dict[str, Known | Made] = {
        "sum": Made({"of": {"$from": "pair"}, "first": {"$from": "a"}}),
        "pair": Made([{"$from": "a"}, {"$from": "b"}]),
        "a": Known(1),
        "b": Known(2),
    }
    template = {"x": {"$from": "sum"}, "y": {"$from": "pair", "path": "/1"}}
    assert gathered(template, store) == {"x": {"of": [1, 2], "first": 1}, "y": 2}


def test_a_thousand_values_may_stand_behind_each_other() -> None:
    store: dict[str, Known | Made] = {f"n{i}": Made({"$from": f"n{i + 1}"}) for i in range(1000)}
    store["n1000"] = Known("the end")
    assert gathered({"$from": "n0"}, store) == "the end"


def test_values_that_double_for_ever_are_refused() -> None:
    store: dict[str, Known | Made] = {
        f"n{i}": Made([{"$from": f"n{i + 1}"}] * 10) for i in range(30)
    }
    store["n30"] = Known("x" * 100, size=102)
    with pytest.raises(BadReference, match="more than 1000000 bytes"):
        gathered({"$from": "n0"}, store, most=1_000_000)
