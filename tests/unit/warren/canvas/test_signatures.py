"""Signatures: immutable, told at once when they cannot fit, compiled to plain JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.warren.canvas.evaluator import run
from tests.unit.warren.canvas.sums import add, fail, identity, now, total
from warren import InvalidInput
from warren.canvas import Signature, by_name, chain, chord, group


def test_nothing_changes_a_signature() -> None:
    first = add.s(1)
    others = [first.set(queue="a"), first.on_success(now.s()), first.named("n"), first | now.si()]
    assert first.fields == {}
    assert first.successes == ()
    assert all(other is not first for other in others)
    with pytest.raises(AttributeError):
        first.args = (2,)  # type: ignore[misc]


def test_a_value_fills_the_first_parameter_that_is_open() -> None:
    assert (identity.s(4) | add.s(8)).document()["nodes"]["add"]["input"] == {
        "x": {"$from": "identity"}, "y": 8,
    }  # fmt: skip
    assert (identity.s(4) | add.s(x=8)).document()["nodes"]["add"]["input"] == {
        "y": {"$from": "identity"}, "x": 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: add.s(1, 2, 3), "given 3 values and has 2 parameters left"),
        (lambda: add.s(z=1), "has no parameter 'z'"),
        (lambda: add.s(1).document(), "misses a value for y"),
        (lambda: (now.s() | now.s()).document(), "ignores the value of the step before"),
        (lambda: chain(add.s(1, 1), 3), "made of signatures"),  # type: ignore[arg-type]
        (lambda: add.map().document(), "nothing gives .* a list"),
        (lambda: add.map([1]).document(), "misses a value for y"),
        (lambda: add.s(1, 1).set(queeu="x").document(), "has no field 'queeu'"),
        (lambda: add.s(1, 1).set(max_parallel=2).document(), "has no field 'max_parallel'"),
    ],
)
def test_what_cannot_fit_is_told_before_anything_is_sent(wrong: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        wrong()


def test_so_is_an_input_that_the_task_cannot_take() -> None:
    wrong: Any = "one"
    with pytest.raises(InvalidInput):
        group(add.s(1, 1), add.s(wrong, 1)).document()


def test_values_that_are_no_json_are_refused() -> None:
    with pytest.raises(Exception, match="cannot become JSON"):
        identity.s([object()]).document()


@pytest.mark.parametrize("empty", [chain(), group(chain()), chain(now.s(), chain().set(queue="a"))])
def test_a_chain_of_nothing_is_refused(empty: Signature) -> None:
    with pytest.raises(ValueError, match="at least one step"):
        empty.document()


def test_nodes_have_names_of_their_own_and_those_you_give() -> None:
    document = group(now.s(), now.s(), now.s().named("mine"), now.s()).document()
    assert list(document["nodes"]) == ["now", "now-2", "mine", "now-3"]
    taken = group(now.s().named("now-2"), now.s(), now.s(), now.s())
    assert list(taken.document()["nodes"]) == ["now-2", "now", "now-3", "now-4"]
    with pytest.raises(ValueError, match="two nodes of one workflow are named 'a'"):
        group(now.s().named("a"), now.s().named("a")).document()


def test_fields_of_a_part_are_those_of_its_steps_that_have_none_of_their_own() -> None:
    inner = group(now.s(), now.s().set(priority=3)).set(queue="slow")
    document = chain(inner, total.s()).set(priority=5, tags=["acme"]).document()
    fields = {n: (d.get("queue"), d.get("priority")) for n, d in document["nodes"].items()}
    assert fields == {"now": ("slow", 5), "now-2": ("slow", 3), "total": (None, 5)}
    assert document["tags"] == ["acme"]
    assert "tags" not in document["nodes"]["now"]


def test_the_start_of_a_workflow_is_its_own() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert chain(now.s()).set(run_at=at).document()["run_at"] == at
    assert now.s().set(delay_s=timedelta(minutes=1)).document()["delay_s"] == 60


def test_steps_take_conditions_and_mapped_ones_a_width() -> None:
    document = chain(fail.s().set(tolerate=True), identity.s().set(run_if="all_done")).document()
    assert document["nodes"]["fail"]["tolerate"] is True
    assert document["nodes"]["identity"]["run_if"] == "all_done"
    assert (
        identity.map([1]).set(max_parallel=2).document()["nodes"]["identity"]["max_parallel"] == 2
    )


def test_tasks_of_others_are_called_by_name() -> None:
    document = (by_name("http.list", url="x") | by_name("http.get", into="url")).document()
    assert document["nodes"] == {
        "list": {"task": "http.list", "input": {"url": "x"}},
        "get": {"task": "http.get", "input": {"url": {"$from": "list"}}},
    }
    assert document["result"] == {"$from": "get"}


def test_a_task_stands_for_its_plain_signature() -> None:
    assert run(chain(identity.s([1, 2]), total).document()).result == 3


def test_keys_that_mean_references_are_kept_apart() -> None:
    with pytest.raises(ValueError, match="'\\$from' cannot be a key beside a signature"):
        identity.s({"$from": now.s()}).document()


def test_a_signature_can_be_read() -> None:
    assert repr(add.s(1) | group(now.si(), add.s(y=2))) == (
        "sums.add(1) | group(sums.now(), sums.add(y=2))"
    )
    assert repr(add.starmap([(1, 2)])) == "sums.add.starmap(1 elements)"


def test_portions_have_at_least_one_element() -> None:
    assert add.chunks([], 3).document() == {"nodes": {}, "result": []}
    with pytest.raises(ValueError, match="at least one element"):
        add.chunks([], 0)


def test_a_chord_is_a_chain_that_begins_side_by_side() -> None:
    one = chord((now.s() for _ in range(2)), total.s()).document()
    other = (group(now.s(), now.s()) | total.s()).document()
    assert one == other
