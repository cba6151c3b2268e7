"""Hooks of steps, of parts and of the whole."""

from typing import Any

import pytest

from tests.unit.warren.canvas.evaluator import run
from tests.unit.warren.canvas.sums import add, fail, identity, now, tell, total
from warren.canvas import Signature, chain, chord, group


def hooks_that_ran(signature: Signature) -> int:
    """How many nodes ran that only watch."""
    document = signature.document()
    return sum(bool(document["nodes"][name].get("hook")) for name in run(document).ran)


def with_hooks(signature: Signature) -> Signature:
    return signature.on_success(tell.s()).on_failure(tell.s())


def test_hooks_of_the_whole_are_jobs_of_the_workflow() -> None:
    document = with_hooks(chain(add.s(1, 1), add.s(1))).document()
    assert document["on_success"] == {"task": "sums.tell", "input": {"what": {"$from": ""}}}
    assert document["on_failure"] == {"task": "sums.tell", "input": {"what": {"$error": ""}}}
    assert list(document["nodes"]) == ["add", "add-2"]
    run(document)
    both = add.s(1, 1).link(tell.s(), identity.si(3).set(queue="mail")).document()
    assert [hook["task"] for hook in both["on_success"]] == ["sums.tell", "sums.identity"]
    assert both["on_success"][1]["queue"] == "mail"


@pytest.mark.parametrize("hook", [group(tell.s()), tell.map(), tell.s().link(tell.s()), chain()])
def test_a_hook_of_the_whole_is_one_call(hook: Signature) -> None:
    with pytest.raises((TypeError, ValueError)):
        now.s().on_failure(hook).document()


def test_a_chain_in_a_chain_keeps_its_hooks() -> None:
    inner = chain(identity.s("a"), identity.s()).on_success(tell.s())
    document = chain(inner, identity.s()).document()
    ran = run(document)
    assert ran.result == "a"
    assert ran.inputs["tell"] == {"what": "a"}
    assert document["nodes"]["identity-3"]["input"] == {"x": {"$from": "identity-2"}}


def test_a_failure_in_a_part_is_told_once_with_its_error() -> None:
    for steps in ([fail.s(), now.si()], [now.si(), fail.s()]):
        inner = chain(*steps).on_failure(tell.s())
        ran = run(chain(inner, identity.s()).document())
        assert ran.inputs["tell"]["what"]["node"] == "fail"
        assert ran.ran.count("tell") == 1


def test_a_part_that_is_not_reached_has_no_failure_of_its_own() -> None:
    inner = group(identity.s(), identity.s()).on_failure(tell.s())
    assert hooks_that_ran(chain(fail.s(), inner)) == 0


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (chain(*[with_hooks(identity.s(1337))] + [with_hooks(identity.s())] * 41), 42),
        (chain(*[with_hooks(fail.s())] * 42), 1),
        (group([with_hooks(identity.s(1))] * 42), 42),
        (group([with_hooks(fail.s())] * 42), 42),
        (group([with_hooks(now.s())] * 24 + [with_hooks(fail.s())] * 42), 66),
        (chord([with_hooks(now.s()), with_hooks(fail.s())], with_hooks(total.s())), 2),
        (group(with_hooks(group(now.s(), fail.s(), fail.s()))), 1),
        (group(with_hooks(chord([now.s(), now.s()], total.s()))), 1),
    ],
)
def test_each_step_s_hook_runs_once_if_it_is_due(signature: Signature, expected: int) -> None:
    assert hooks_that_ran(signature) == expected


def test_a_hook_of_a_part_may_be_a_workflow_of_its_own() -> None:
    hook: Signature = identity.s() | group(tell.s(), tell.s())
    document = chain(fail.s().on_failure(hook), identity.s()).document()
    ran = run(document)
    assert ran.ran.count("tell") == ran.ran.count("tell-2") == 1
    assert all(document["nodes"][name]["hook"] for name in ("identity", "tell", "tell-2"))


def test_a_hook_is_given_what_it_asks_for() -> None:
    hook = identity.si("fixed")
    ran = run(group(now.s().on_success(hook)).document())
    assert ran.inputs["identity"] == {"x": "fixed"}
    document: dict[str, Any] = group(now.s().on_success(hook)).document()
    assert document["nodes"]["identity"]["after"] == ["now"]
