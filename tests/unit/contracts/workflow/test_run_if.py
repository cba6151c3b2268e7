"""When a node runs: each rule, and that neither order nor repetition matters."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.moves import Status
from shared.contracts.workflow.bits import set_of
from shared.contracts.workflow.run_if import (
    Parents,
    RunIf,
    Signal,
    Verdict,
    read_run_if,
    signal_of,
    verdict,
)

G, F, T, U, I = Signal.GOOD, Signal.FAILED, Signal.FORGIVEN, Signal.UPSTREAM, Signal.IDLE  # noqa: E741
RUN, WAIT, SKIP, BECAUSE = Verdict.RUN, Verdict.WAIT, Verdict.SKIP, Verdict.SKIP_UPSTREAM
rules = st.sampled_from(
    ["all_succeeded", "all_done", "any_succeeded", "any_failed", {"succeeded": 2}]
).map(read_run_if)


def after(total: int, *signals: Signal) -> Parents:
    """So many parents, the first of which ended so."""
    parents = Parents.waiting(total)
    for place, signal in enumerate(signals):
        parents = parents.told(set_of([place]), signal)
    return parents


@pytest.mark.parametrize(
    ("rule", "parents", "expected"),
    [
        ("all_succeeded", after(0), RUN),
        ("all_succeeded", after(2, G), WAIT),
        ("all_succeeded", after(2, G, G), RUN),
        ("all_succeeded", after(2, F), BECAUSE),  # at once
        ("all_succeeded", after(2, U), BECAUSE),
        ("all_succeeded", after(2, G, T), RUN),
        ("all_succeeded", after(2, I), WAIT),
        ("all_succeeded", after(2, I, G), SKIP),
        ("all_done", after(2, F), WAIT),
        ("all_done", after(2, F, U), RUN),
        ("any_succeeded", after(3, F), WAIT),
        ("any_succeeded", after(3, F, G), RUN),  # without the third
        ("any_succeeded", after(2, F, T), BECAUSE),
        ("any_succeeded", after(2, T, T), SKIP),
        ("any_failed", after(3, G, F), RUN),
        ("any_failed", after(3, U), RUN),
        ("any_failed", after(3, T), RUN),
        ("any_failed", after(2, G), WAIT),
        ("any_failed", after(2, G, I), SKIP),
        ({"succeeded": 2}, after(3, G), WAIT),
        ({"succeeded": 2}, after(3, G, F), WAIT),
        ({"succeeded": 2}, after(3, G, G), RUN),
        ({"succeeded": 2}, after(3, F, F), BECAUSE),  # one cannot be two
        ({"succeeded": 2}, after(3, I, I), WAIT),
        ({"succeeded": 2}, after(3, I, I, G), SKIP),
    ],
)
def test_each_rule_decides_as_soon_as_it_can(
    rule: object, parents: Parents, expected: Verdict
) -> None:
    assert verdict(read_run_if(rule), parents) is expected


def test_a_hook_is_not_for_failures_that_came_from_further_up() -> None:
    rule = read_run_if("any_failed")
    assert verdict(rule, after(1, U), hook=True) is SKIP
    assert verdict(rule, after(1, F), hook=True) is RUN
    assert verdict(rule, after(1, T), hook=True) is RUN


@given(rules, st.lists(st.sampled_from(list(Signal)), min_size=2, max_size=4), st.booleans())
def test_the_order_in_which_parents_end_decides_nothing(
    rule: RunIf, signals: list[Signal], hook: bool
) -> None:
    final = verdict(rule, after(len(signals), *signals), hook=hook)
    assert final is not WAIT
    for order in permutations(range(len(signals))):
        parents = Parents.waiting(len(signals))
        for place in order:
            parents = parents.told(set_of([place]), signals[place])
            assert verdict(rule, parents, hook=hook) in (WAIT, final)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(list(Signal))), max_size=12))
def test_what_is_told_again_or_otherwise_changes_nothing(
    letters: list[tuple[int, Signal]],
) -> None:
    parents = Parents.waiting(6)
    first: dict[int, Signal] = {}
    for place, signal in letters:
        first.setdefault(place, signal)
        parents = parents.told(set_of([place]), signal)
    for signal in (G, F, T, U):
        expected = set_of(place for place, each in first.items() if each is signal)
        assert getattr(parents, signal.value) == expected
    assert parents.open == set_of(place for place in range(6) if place not in first)


def test_ends_look_as_they_should_to_dependents() -> None:
    assert signal_of(Status.SUCCEEDED) is G
    assert {signal_of(s) for s in (Status.FAILED, Status.EXPIRED, Status.CANCELLED)} == {F}
    assert signal_of(Status.FAILED, tolerate=True) is T
    assert signal_of(Status.SKIPPED) is I
    assert signal_of(Status.SKIPPED, upstream=True, tolerate=True) is U
    assert signal_of(Status.SKIPPED, passed=True) is G


@pytest.mark.parametrize("value", ["", "succeeded", {"succeeded": 0}, {"succeeded": True}, {}, 1])
def test_a_rule_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"must be one of|needs a whole number"):
        read_run_if(value)
