"""Taking turns from a limit: never over, never idle, first come first served."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.limits.bucket import (
    PROBE_LASTS_MS,
    Ask,
    Bucket,
    corrected,
    earliest,
    repaced,
    room,
    take,
)
from shared.contracts.limits.pace import FREE, Pace, learned_pace, pace_of
from tests.rates import most_over

TEN = Pace(spacing=100.0, cap=3.0, slack=50.0)  # ten a second, three of them at once
NOW = 1_000_000.0


def a_bucket(**changes: object) -> Bucket:
    return replace(Bucket(pace=TEN), **changes)  # type: ignore[arg-type]


def granted(bucket: Bucket, *asks: Ask, now: float = NOW) -> list[float]:
    return [turn.at for turn in take(bucket, asks, now)[1] if turn.granted]


def test_what_was_saved_up_goes_at_once_and_the_next_one_a_token_later() -> None:
    asks = [Ask(ahead=1000)] * 5
    assert granted(a_bucket(), *asks) == [NOW, NOW, NOW, NOW + 100, NOW + 200]


def test_who_would_wait_longer_than_it_wants_is_told_when_its_turn_comes() -> None:
    bucket, turns = take(a_bucket(), [Ask()] * 5, NOW)
    assert [turn.granted for turn in turns] == [True, True, True, False, False]
    assert [turn.at for turn in turns[3:]] == [NOW + 100, NOW + 200]
    assert bucket.lined


def test_nobody_overtakes_the_line_but_those_who_were_called_from_it() -> None:
    bucket = a_bucket(lined=True)
    assert granted(bucket, Ask(ahead=1000)) == []
    assert granted(bucket, Ask(ahead=1000, called=True)) == [NOW]


def test_who_is_called_too_early_does_not_make_the_line_longer() -> None:
    bucket = a_bucket(lined=True, line_ends=NOW + 700, full_at=NOW + 500)
    after, (turn,) = take(bucket, [Ask(called=True)], NOW)
    assert not turn.granted
    assert turn.at == NOW + 300
    assert after == bucket


def test_a_cost_above_what_is_ever_saved_waits_for_all_of_it_and_leaves_a_debt() -> None:
    bucket = a_bucket(full_at=NOW + 50)
    after, (turn,) = take(bucket, [Ask(cost=10, ahead=1000)], NOW)
    assert turn.at == NOW + 50
    assert earliest(after, Ask(), NOW) == NOW + 50 + 1000 - 200


def test_nothing_goes_before_a_hold_is_over() -> None:
    bucket = a_bucket(held_until=NOW + 300)
    assert granted(bucket, Ask(ahead=200)) == []
    assert granted(bucket, Ask(ahead=400)) == [NOW + 300]


def test_of_a_limit_that_probes_only_one_goes() -> None:
    bucket, turns = take(a_bucket(probing=True), [Ask(called=True)] * 3, NOW)
    assert [turn.granted for turn in turns] == [True, False, False]
    assert turns[1].at == NOW + PROBE_LASTS_MS
    assert room(bucket, until=NOW + 1000, now=NOW) == 0


def test_a_turn_meets_the_one_of_another_limit() -> None:
    assert granted(a_bucket(), Ask(not_before=NOW + 70, ahead=100)) == [NOW + 70]


def test_a_turn_lies_so_far_ahead_that_its_taker_hears_of_it_before_half_of_the_slack() -> None:
    assert granted(a_bucket(), Ask(lead=40, ahead=100)) == [NOW + 15]
    lenient = a_bucket(pace=replace(TEN, slack=200.0))
    assert granted(lenient, Ask(lead=40, ahead=100)) == [NOW]


def test_the_latest_turn_is_given_back_whole() -> None:
    bucket, turns = take(a_bucket(), [Ask(), Ask(), Ask(), Ask(ahead=100)], NOW)
    assert corrected(bucket, at=turns[-1].at, difference=-1).full_at == bucket.full_at - 100
    first, (only,) = take(a_bucket(), [Ask()], NOW)
    assert corrected(first, at=only.at, difference=-1).full_at == NOW


def test_of_turns_at_one_instant_each_is_given_back_whole() -> None:
    bucket, turns = take(a_bucket(), [Ask(), Ask(), Ask()], NOW)
    for turn in turns:
        bucket = corrected(bucket, at=turn.at, difference=-1)
    assert bucket.full_at == NOW


def test_an_earlier_turn_is_given_back_as_far_as_no_later_one_needed_it() -> None:
    bucket, (first, *_) = take(a_bucket(), [Ask(), Ask()], NOW)
    bucket, _ = take(bucket, [Ask()], NOW + 150)  # 50 ms before it would have been full
    bucket = corrected(bucket, at=first.at, difference=-1)
    assert bucket.full_at == NOW + 250
    assert corrected(bucket, at=first.at, difference=-1) == bucket


def test_nothing_is_given_back_once_the_bucket_was_full() -> None:
    bucket, turns = take(a_bucket(), [Ask(), Ask()], NOW)
    later, _ = take(bucket, [Ask()], NOW + 60_000)
    assert corrected(later, at=turns[0].at, difference=-1) == later
    assert corrected(later, at=turns[0].at, difference=2).full_at == later.full_at + 200


def test_another_pace_keeps_what_was_taken() -> None:
    bucket = a_bucket(full_at=NOW + 300)  # three tokens are out
    half = repaced(bucket, replace(TEN, spacing=200.0), now=NOW)
    assert half.full_at == NOW + 600
    assert repaced(half, TEN, now=NOW).full_at == NOW + 300
    assert repaced(bucket, FREE, now=NOW).full_at == NOW


@pytest.mark.parametrize(
    ("state", "tokens"),
    [
        ({}, 5.0),
        ({"full_at": NOW + 300}, 2.0),
        ({"full_at": NOW + 900}, 0.0),
        ({"held_until": NOW + 100}, 4.0),
        ({"held_until": NOW + 500}, 0.0),
        ({"pace": FREE}, float("inf")),
    ],
)
def test_room_is_what_can_start_until_then(state: dict[str, object], tokens: float) -> None:
    assert room(a_bucket(**state), until=NOW + 200, now=NOW) == tokens


def test_the_pace_leaves_room_for_starts_that_come_late() -> None:
    roomy = pace_of(rate=50, per_s=1, burst=10)
    assert roomy.spacing == 20
    assert roomy.cap + roomy.slack / roomy.spacing == pytest.approx(10)
    tight = pace_of(rate=10, per_s=60, burst=1)
    assert tight.cap == 1
    assert 6000 < tight.spacing < 6000 / 0.95


def test_a_learned_pace_is_even() -> None:
    assert learned_pace(rate=10, per_s=1).cap == 1
    assert learned_pace(rate=100, per_s=1).cap == 5


RATES = st.tuples(
    st.floats(min_value=0.5, max_value=200),  # tokens a second
    st.floats(min_value=2, max_value=50),  # burst; with less, turns are sharper than a timer
)


@given(
    RATES,
    st.lists(
        st.tuples(
            st.floats(min_value=0, max_value=500),  # milliseconds since the ask before
            st.floats(min_value=0.1, max_value=1),  # cost
            st.floats(min_value=0, max_value=1),  # how late it starts, of its slack
            st.floats(min_value=0, max_value=1000),  # how far ahead it takes a turn
            st.booleans(),  # whether an earlier one is given back before
        ),
        max_size=60,
    ),
    st.randoms(use_true_random=False),
)
def test_starts_are_never_over_however_late_they_come(
    rule: tuple[float, float], asks: list[tuple[float, float, float, float, bool]], which: Random
) -> None:
    rate, burst = rule
    pace = pace_of(rate=rate, per_s=1, burst=burst)
    bucket, now = Bucket(pace=pace), NOW
    starts: list[tuple[float, float, float]] = []  # turn, cost, how late
    for pause, cost, late, ahead, gives_back in asks:
        now += pause
        if gives_back and starts:
            at, spent, _ = starts.pop(which.randrange(len(starts)))
            bucket = corrected(bucket, at=at, difference=-spent)
        bucket, (turn,) = take(bucket, [Ask(cost=cost, ahead=ahead, called=True)], now)
        if turn.granted:
            starts.append((turn.at, cost, late * pace.slack))
    if pace.spacing > 1000 / rate or burst * pace.spacing < 30:
        return  # sharper than a timer: docs/limits.md says what holds there
    began = sorted(((at + late) / 1000, cost) for at, cost, late in starts)
    assert worst(began, rate, burst) <= 1e-6


def worst(starts: list[tuple[float, float]], rate: float, burst: float) -> float:
    """By how much the costs of starts exceed rate x window + burst in any window."""
    most = float("-inf")
    for first in range(len(starts)):
        total = 0.0
        for at, cost in starts[first:]:
            total += cost
            most = max(most, total - rate * (at - starts[first][0]) - burst)
    return most


@given(RATES, st.integers(min_value=1, max_value=80))
def test_while_somebody_waits_the_whole_rate_is_used(rule: tuple[float, float], count: int) -> None:
    rate, burst = rule
    bucket = Bucket(pace=pace_of(rate=rate, per_s=1, burst=burst))
    turns = take(bucket, [Ask(ahead=1e9)] * count, NOW)[1]
    lasted = (turns[-1].at - NOW) / 1000
    assert count >= 0.95 * rate * lasted


def test_the_judge_of_starts_finds_what_is_over() -> None:
    assert most_over([0, 0, 0], rate=1, burst=2) == 1
    assert most_over([0, 1, 2, 3], rate=1, burst=1) == 0
    assert most_over([0, 5, 5.1, 5.2], rate=1, burst=2) == pytest.approx(0.8)
