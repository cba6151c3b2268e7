"""A learned limit: it climbs while calls go well, falls when the other side complains."""

from dataclasses import replace

import pytest

from bench.limits import SETTLING, TRUE_RATES, backoff, fixed, learned
from shared.contracts.limits.breaker import State
from shared.contracts.limits.definition import Learned, read_definition
from shared.contracts.limits.level import GROWTH, Level, decayed, heard, permitted
from shared.contracts.limits.report import Heard, Report, joined
from shared.contracts.limits.standing import Standing, held_now, is_probing, pace_now
from shared.contracts.limits.standing import heard as stood

RULE = Learned(base=10, floor=5, ceiling=100)
NOW = 1_000_000.0


def clean(calls: int) -> Report:
    return Report(clean=calls, clean_began=NOW)


def throttled(began: float = NOW, pause_ms: float = 0) -> Report:
    return Report(throttled=1, throttled_began=began, pause_ms=pause_ms)


def a_level(level: float = 0, **changes: object) -> Level:
    return replace(Level(level=level, changed_at=NOW, heard_at=NOW), **changes)  # type: ignore[arg-type]


def test_clean_calls_at_the_permitted_rate_climb_one_level() -> None:
    assert heard(RULE, a_level(), clean(8), NOW + 1000).level == 1
    assert permitted(RULE, 1) == pytest.approx(10 * GROWTH)


def test_a_rate_that_nobody_uses_proves_nothing() -> None:
    assert heard(RULE, a_level(), clean(4), NOW + 1000).level == 0
    assert heard(RULE, a_level(), clean(40), NOW + 100).level == 0


def test_a_throttle_answer_falls_two_levels_and_is_remembered() -> None:
    fallen = heard(RULE, a_level(4), throttled(), NOW + 10)
    assert (fallen.level, fallen.trouble) == (2, 4)


def test_calls_that_had_begun_before_a_fall_do_not_fall_again() -> None:
    fallen = heard(RULE, a_level(4), throttled(), NOW + 10)
    assert heard(RULE, fallen, throttled(NOW + 5), NOW + 20).level == 2
    assert heard(RULE, fallen, throttled(NOW + 500), NOW + 600).level == 2  # its turn was given
    assert heard(RULE, fallen, throttled(NOW + 800), NOW + 900).level == 0


def test_an_outage_falls_one_level_and_says_nothing_about_the_rate() -> None:
    fallen = heard(RULE, a_level(4), Report(outages=1, outage_began=NOW), NOW + 10)
    assert (fallen.level, fallen.trouble) == (3, None)


def test_below_the_trouble_the_climb_stops_and_goes_on_in_small_steps() -> None:
    near = heard(RULE, a_level(3, trouble=4.0), clean(100), NOW + 1000)
    assert near.level == pytest.approx(3.2)
    resting = heard(RULE, near, clean(100), near.changed_at + 1000)
    assert resting.level == near.level
    nearer = heard(RULE, near, clean(10_000), near.calm_until + 1)
    assert near.level < nearer.level < 4


def test_trouble_that_is_not_there_any_more_is_forgotten() -> None:
    beyond = a_level(4.5, trouble=4.0)
    assert heard(RULE, beyond, clean(1000), NOW + 1000).trouble is None


def test_trouble_at_the_same_place_makes_the_calm_longer() -> None:
    first = heard(RULE, a_level(4), throttled(), NOW + 10)
    again = heard(RULE, replace(first, level=4.2), throttled(NOW + 800), NOW + 900)
    assert again.calm_ms == 2 * first.calm_ms
    dear = heard(RULE, a_level(4), throttled(pause_ms=2000), NOW + 10)
    assert dear.calm_ms == 30_000


def test_floor_and_ceiling_hold() -> None:
    low = heard(RULE, a_level(-5), throttled(), NOW + 10)
    assert permitted(RULE, low.level) == pytest.approx(5)
    high = heard(RULE, a_level(17.5), clean(10_000), NOW + 1000)
    assert permitted(RULE, high.level) == pytest.approx(100)


def test_in_silence_a_level_is_given_up_for_each_minute_down_to_the_base() -> None:
    assert decayed(RULE, a_level(4), NOW + 150_000).level == 2
    assert decayed(RULE, a_level(4), NOW + 10 * 60_000).level == 0
    assert decayed(RULE, a_level(-2), NOW + 10 * 60_000).level == -2


def test_a_shadow_learns_and_slows_nobody() -> None:
    shadow = read_definition({"learned": {"base": 10, "shadow": True}})
    standing = stood(shadow, Standing(), throttled(pause_ms=5000), NOW)
    assert standing.level.level == -2
    assert pace_now(shadow, standing).spacing == 0
    assert held_now(shadow, standing) == 0


def test_a_pause_holds_and_stands_in_the_history() -> None:
    known = read_definition({"rate": 10, "burst": 5})
    standing = stood(known, Standing(), throttled(pause_ms=5000), NOW)
    assert held_now(known, standing) == NOW + 5000
    assert [entry.why for entry in standing.history] == ["throttled"]


# The breaker


def out_of_order(calls: int, began: float) -> Report:
    return Report(outages=calls, outage_began=began)


def test_the_breaker_opens_probes_and_comes_back_by_and_by() -> None:
    known = read_definition({"rate": 10, "burst": 5, "breaker": {"min_calls": 4, "open_s": 2}})
    usual = pace_now(known, Standing()).spacing
    standing = stood(known, Standing(), out_of_order(3, NOW), NOW)
    assert standing.breaker.state is State.CLOSED
    standing = stood(known, standing, out_of_order(1, NOW), NOW + 10)
    assert is_probing(known, standing)
    probe_at = held_now(known, standing)
    assert probe_at == NOW + 2010
    late = stood(known, standing, clean(1), NOW + 100)  # it had begun before
    assert late.breaker.state is State.OPEN
    again = stood(known, standing, out_of_order(1, probe_at), probe_at + 50)
    assert held_now(known, again) == probe_at + 50 + 4000
    standing = stood(known, standing, Report(clean=1, clean_began=probe_at), probe_at + 50)
    assert standing.breaker.state is State.REOPENING
    assert pace_now(known, standing).spacing == pytest.approx(8 * usual)
    for step in range(1, 4):
        began = probe_at + 50 + step * 600
        standing = stood(known, standing, Report(clean=2, clean_began=began), began + 10)
    assert standing.breaker.state is State.CLOSED
    assert pace_now(known, standing).spacing == usual


def test_a_breaker_that_reopens_into_trouble_opens_again() -> None:
    known = read_definition({"rate": 10, "breaker": {"min_calls": 4}})
    standing = stood(known, Standing(), out_of_order(4, NOW), NOW)
    probe_at = held_now(known, standing)
    standing = stood(known, standing, Report(clean=1, clean_began=probe_at), probe_at + 50)
    standing = stood(known, standing, out_of_order(3, probe_at + 60), probe_at + 100)
    assert standing.breaker.state is State.OPEN


def test_few_failures_among_many_calls_open_nothing() -> None:
    known = read_definition({"rate": 10})
    standing = Standing()
    for n in range(20):
        report = joined(Report(clean=4, clean_began=NOW), Heard.OUTAGE, began=NOW)
        standing = stood(known, standing, report, NOW + n * 100)
    assert standing.breaker.state is State.CLOSED


# Against a third party whose rate changes twice


@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_it_finds_a_rate_that_changes_and_rarely_asks_too_much(retry_after: float | None) -> None:
    settled = learned(retry_after=retry_after).settled()
    assert len(settled) == len(TRUE_RATES)
    for rate, used, of_429s in settled:
        assert used >= 0.85, f"{SETTLING:g} s after the rate became {rate:g}"
        assert of_429s < 0.02


def test_the_alternatives_do_worse() -> None:
    assert any(of_429s > 0.5 for _, _, of_429s in fixed(50).settled())
    assert any(used < 0.5 for _, used, _ in fixed(20).settled())
    assert all(of_429s > 0.02 for _, _, of_429s in backoff().settled())
