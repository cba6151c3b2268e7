"""What people who come from Celery expect of chains, groups and chords; see the acceptance list."""

from typing import Any

import pytest

from shared.contracts.workflow.run_if import Signal
from tests.unit.warren.canvas.evaluator import run
from tests.unit.warren.canvas.sums import add, fail, identity, now, tell, total
from warren.canvas import Signature, chain, chord, group


def value_of(signature: Signature, *args: Any, **kwargs: Any) -> Any:
    return run(signature.document(*args, **kwargs)).result


def chain_of(count: int) -> Signature:
    """A chain of steps that gives 1337."""
    return chain(identity.s(1337), *[identity.s()] * (count - 1))


LEAF = identity.s(42)
PAIR = group(LEAF, LEAF)
WIDE = group([LEAF] * 42)


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        # Chains
        (add.s(4, 4) | add.s(8) | add.s(16), 32),
        (chain(add.s(3, 4)), 7),
        (chain(chain(add.s(2, 4), add.s(36))), 42),
        (chain(LEAF, group(chain(add.s(1), add.s(2)), add.s(3))), [45, 45]),
        (group(now.s(), LEAF, now.s() | group(identity.si(3), identity.si(4))), [1, 42, [3, 4]]),
        (chain(identity.s(1), group(add.s(1), add.s(1)), total.s()), 4),
        (chain(add.s(2, 2), add.s(1), group(add.s(1), add.s(1))), [6, 6]),
        (PAIR, [42, 42]),
        (chain(LEAF, group(identity.s(), identity.s()), identity.s()), [42, 42]),
        (chain(LEAF, group(identity.s(), identity.s())), [42, 42]),
        # Side by side
        (group([]), []),
        (group(group(add.s(1, 10), add.s(1, 100)), group(add.s(1, 1000))), [11, 101, 1001]),
        (group(PAIR), [42, 42]),
        (group(identity.s(i) for i in range(1000)), list(range(1000))),
        (group(chord(LEAF, identity.s())), [[42]]),
        (chord(group(chain_of(42)), identity.s()), [1337]),
        (group(chord(WIDE, identity.s())), [[42] * 42]),
        (group(chord(chord(LEAF, identity.si(31337)), identity.s())), [[31337]]),
        (
            chord(group(LEAF, chain_of(42), WIDE, chord(LEAF, identity.si(1337))), identity.s()),
            [42, 1337, *[42] * 42, 1337],
        ),
        (group(chord(LEAF, chain(identity.s()))), [[42]]),
        # Joined
        (chord([identity.s(i) for i in range(10)], identity.s()), list(range(10))),
        (chord([add.s(i, i) for i in range(10)], total.s()), 90),
        (chain(identity.s(4), group(add.s(i) for i in range(4)), add.map(y=8)), [12, 13, 14, 15]),
        (chord([add.s(8, 8)], identity.s()), [16]),
        (group(add.s(8, 8)) | identity.s(), [16]),
        (chord([], identity.s()), []),
        (chord([PAIR], identity.s()), [42, 42]),
        (chord([chain(LEAF, group(identity.s(), identity.s()))], identity.s()), [[42, 42]]),
        (chain(chord([LEAF, LEAF], total.s()), chord([add.s(1), add.s(1)], total.s())), 170),
        (chord([chord([now.s()] * 2, total.s()), chord([now.s()] * 2, total.s())], total.s()), 4),
        # Mapped
        (identity.map(range(3)), [0, 1, 2]),
        (add.map([1, 2], y=10), [11, 12]),
        (add.starmap([(1, 2), (3, 4)]), [3, 7]),
        (add.starmap([(1,), (2,)], y=1), [2, 3]),
        (add.chunks([(i, i) for i in range(5)], 2), [[0, 2], [4, 6], [8]]),
        (identity.s([[1, 2], [3, 4]]) | add.starmap(), [3, 7]),
        (identity.s([]) | identity.map() | total.s(), 0),
        (PAIR | identity.map() | total.s(), 84),
        # Any graph
        (add.s(add.s(1, 2), add.s(3, 4)), 10),
        (total.s([LEAF, add.s(1, 1)]), 44),
        (identity.s({"deep": [LEAF]}), {"deep": [42]}),
        (identity.s({"$from": "nobody"}), {"$from": "nobody"}),
        (identity.map([{"$item": "/x"}, {"$literal": 1}]), [{"$item": "/x"}, {"$literal": 1}]),
    ],
)  # fmt: skip
def test_a_workflow_gives(signature: Signature, expected: Any) -> None:
    assert value_of(signature) == expected


def test_what_is_given_to_the_whole_reaches_all_that_comes_first() -> None:
    assert value_of(chord([identity.s(), identity.s()], identity.s()), 1) == [1, 1]
    assert value_of(chain(chain(chain(identity.s()))), 1) == 1
    assert value_of(chain(add.s(), group(add.s(i) for i in range(4))), 4, y=9) == [13, 14, 15, 16]
    assert value_of(add.map(y=1), [1, 2]) == [2, 3]


def test_each_before_comes_before_and_each_after_after() -> None:
    befores, afters = group([now.si()] * 3), group([now.si()] * 2)
    document = chain(befores, identity.si("connect"), afters).document()
    ran = run(document).ran
    assert ran.index("identity") == 3
    assert len(ran) == 6


def test_many_to_many_costs_as_many_edges_as_nodes() -> None:
    layer = group(identity.s() for _ in range(100))
    document = chain(group(identity.s(i) for i in range(100)), *[layer] * 9).document()
    edges = sum(str(node).count("$from") for node in document["nodes"].values())
    assert len(document["nodes"]) == 1000 + 9
    assert edges == 9 * (100 + 100)


def test_a_step_that_ignores_values_still_comes_after() -> None:
    document = chain(identity.s(1), now.si(), group([]), add.si(1, 2)).document()
    assert document["nodes"]["now"]["after"] == ["identity"]
    assert document["nodes"]["add"]["after"] == ["now"]


def test_the_same_signature_among_arguments_is_one_node_and_side_by_side_it_is_two() -> None:
    once = add.s(1, 2)
    assert list(add.s(once, once).document()["nodes"]) == ["add", "add-2"]
    assert list(group(once, once).document()["nodes"]) == ["add", "add-2"]
    diamond = identity.s([add.s(once, 1), add.s(once, 2)])
    assert len(diamond.document()["nodes"]) == 4
    assert value_of(diamond) == [4, 5]


def test_what_comes_after_a_failure_never_runs() -> None:
    ran = run(chain(add.s(1, 1), fail.s(), add.s(1)).document())
    assert ran.ran == ["add", "fail"]
    assert ran.signals["add-2"] is Signal.UPSTREAM


def test_a_step_may_run_because_something_failed_and_is_given_the_error() -> None:
    ran = run(chain(fail.s(), tell.s().set(run_if="any_failed")).document())
    assert ran.inputs["tell"]["what"]["message"] == "as it should"
    several = chain(group(now.s(), fail.s()), tell.s().set(run_if="any_failed"))
    assert [bool(error) for error in run(several.document()).inputs["tell"]["what"]] == [
        False,
        True,
    ]
