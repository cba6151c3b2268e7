"""What becomes of nominal times that have come: overlap policies, lateness, backfill."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.schedule import Held, Overlap, Schedule
from shared.contracts.schedules import overlap
from shared.contracts.schedules.overlap import backfill, cancels_what_runs, decide
from tests.builders import NOON, a_schedule

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def _at(*minutes: int) -> list[datetime]:
    return [NOON + minute * MINUTE for minute in minutes]


def _schedule(policy: str, **fields: Any) -> Schedule:
    return a_schedule(every=MINUTE, cursor=NOON, overlap=Overlap(policy), **fields)


def _decide(schedule: Schedule, minutes: float, *, busy_since: datetime | None = None) -> Schedule:
    numbers = count()
    return decide(
        schedule,
        now=NOON + minutes * MINUTE + SECOND,
        busy_since=busy_since,
        new_id=lambda: f"job-{next(numbers)}",
    )


def _submitted(schedule: Schedule) -> list[datetime]:
    return [making.nominal_at for making in schedule.making]


def _waiting(schedule: Schedule) -> list[datetime]:
    return [held.nominal_at for held in schedule.buffered]


@pytest.mark.parametrize("policy", Overlap)
def test_a_time_that_meets_no_earlier_job_is_submitted_at_once(policy: str) -> None:
    decided = _decide(_schedule(policy), 1)
    assert _submitted(decided) == _at(1)
    assert (decided.cursor, decided.fired, decided.skipped) == (_at(1)[0], 1, 0)
    assert decided.making[0].job_id == "job-0"


@pytest.mark.parametrize("policy", Overlap)
def test_before_a_time_has_come_nothing_happens(policy: str) -> None:
    decided = _decide(_schedule(policy), 0)
    assert (decided.making, decided.cursor, decided.next_at) == ((), NOON, NOON + MINUTE)


def test_skip_skips_times_that_come_while_an_earlier_job_is_unfinished() -> None:
    decided = _decide(_schedule("skip"), 2, busy_since=NOON)
    assert (_submitted(decided), _waiting(decided), decided.skipped) == ([], [], 2)
    assert decided.next_at == NOON + 3 * MINUTE


def test_skip_runs_late_times_in_turn_since_nothing_overlapped_them() -> None:
    first = _decide(_schedule("skip"), 3)
    assert (_submitted(first), _waiting(first), first.skipped) == (_at(1), _at(2, 3), 0)
    stored = first.made(now=NOON + 3 * MINUTE)

    busy = _decide(stored, 4, busy_since=NOON + 3 * MINUTE + SECOND)
    assert (_submitted(busy), _waiting(busy), busy.skipped) == ([], _at(2, 3), 1)

    free = _decide(busy, 4.5)
    assert (_submitted(free), _waiting(free)) == (_at(2), _at(3))


def test_late_times_that_wait_too_long_are_missed() -> None:
    held = (Held(nominal_at=NOON - MINUTE, until=NOON), Held(nominal_at=NOON, until=NOON + MINUTE))
    decided = _decide(_schedule("skip", buffered=held), 0, busy_since=NOON)
    assert (_waiting(decided), decided.missed, decided.skipped) == ([NOON], 1, 0)


def test_buffer_one_keeps_the_first_time_that_has_to_wait() -> None:
    busy = _decide(_schedule("buffer_one"), 3, busy_since=NOON)
    assert (_submitted(busy), _waiting(busy), busy.skipped) == ([], _at(1), 2)
    assert _submitted(_decide(busy, 3.5)) == _at(1)


def test_buffer_all_keeps_all_and_submits_one_after_the_other() -> None:
    schedule = _decide(_schedule("buffer_all"), 3, busy_since=NOON)
    assert (_waiting(schedule), schedule.skipped) == (_at(1, 2, 3), 0)
    for minute in (1, 2, 3):
        schedule = _decide(schedule.made(now=NOON), 3.5)
        assert _submitted(schedule) == _at(minute)
    assert schedule.fired == 3


def test_buffer_all_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MOST_HELD", 2)
    decided = _decide(_schedule("buffer_all"), 5, busy_since=NOON)
    assert (_waiting(decided), decided.skipped) == (_at(1, 2), 3)


def test_cancel_other_lets_the_newest_time_wait_for_the_cancelled_job() -> None:
    first = _decide(_schedule("cancel_other"), 1, busy_since=NOON)
    assert (_submitted(first), _waiting(first), cancels_what_runs(first)) == ([], _at(1), True)
    second = _decide(first, 3, busy_since=NOON)
    assert (_waiting(second), second.skipped) == (_at(3), 2)
    free = _decide(second, 3.5)
    assert (_submitted(free), cancels_what_runs(free)) == (_at(3), False)


def test_allow_all_submits_whatever_runs() -> None:
    assert _submitted(_decide(_schedule("allow_all"), 3, busy_since=NOON)) == _at(1, 2, 3)


def test_times_beyond_the_catch_up_window_are_missed_and_counted() -> None:
    schedule = _schedule("allow_all", catch_up=2.5 * MINUTE)
    decided = _decide(schedule, 10)
    assert (_submitted(decided), decided.missed) == (_at(8, 9, 10), 7)


def test_a_little_lateness_is_never_too_late() -> None:
    decided = _decide(_schedule("skip", catch_up=timedelta()), 1)
    assert _submitted(decided) == _at(1)


def test_a_long_absence_is_worked_off_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MOST", 4)
    schedule = _schedule("allow_all")
    steps = list(_until_idle(schedule, minutes=10))
    assert steps == [_at(1, 2, 3, 4), _at(5, 6, 7, 8), _at(9, 10), []]


def _until_idle(schedule: Schedule, *, minutes: int) -> Iterator[list[datetime]]:
    while True:
        schedule = _decide(schedule, minutes)
        yield _submitted(schedule)
        if not schedule.making:
            return
        schedule = schedule.made(now=NOON)


@given(
    policy=st.sampled_from(Overlap),
    looks=st.lists(st.tuples(st.floats(0, 7), st.booleans()), max_size=12),
    window=st.integers(0, 10),
)
def test_each_time_is_submitted_waiting_skipped_or_missed_and_never_two_of_these(
    policy: Overlap, looks: list[tuple[float, bool]], window: int
) -> None:
    schedule = _schedule(policy, catch_up=window * MINUTE)
    submitted: list[datetime] = []
    minutes, busy_since = 0.0, None
    for pause, busy in looks:
        minutes += pause
        busy_since = (busy_since or NOON + minutes * MINUTE) if busy else None
        schedule = _decide(schedule, minutes, busy_since=busy_since)
        submitted += _submitted(schedule)
        if policy is not Overlap.ALLOW_ALL:
            assert len(schedule.making) <= (0 if busy_since else 1)
        schedule = schedule.made(now=NOON)
    passed = int((schedule.cursor - NOON) / MINUTE)
    assert len(set(submitted)) == len(submitted) == schedule.fired
    assert not set(submitted) & set(_waiting(schedule))
    assert schedule.fired + len(schedule.buffered) + schedule.skipped + schedule.missed == passed


@pytest.mark.parametrize(
    ("policy", "submitted", "waiting"),
    [
        ("skip", [], [1, 2, 3]),
        ("buffer_one", [], [1, 2]),
        ("buffer_all", [], [1, 2, 3]),
        ("cancel_other", [], [3]),
        ("allow_all", [1, 2, 3], []),
    ],
)
def test_a_backfill_has_a_policy_of_its_own(
    policy: str, submitted: list[int], waiting: list[int]
) -> None:
    schedule = a_schedule(every=MINUTE, cursor=NOON + 9 * MINUTE)
    filled = backfill(
        schedule, _at(1, 2, 3), Overlap(policy), now=NOON + 9 * MINUTE, new_id=lambda: "job"
    )
    assert (_submitted(filled), _waiting(filled)) == (_at(*submitted), _at(*waiting))
    assert filled.cursor == schedule.cursor
    assert filled.next_at is not None
    assert filled.next_at < NOON + 10 * MINUTE


def test_a_backfill_of_a_schedule_that_skips_does_not_go_stale() -> None:
    schedule = a_schedule(every=MINUTE, cursor=NOON, catch_up=SECOND)
    long_ago = [NOON - timedelta(days=9)]
    filled = backfill(schedule, long_ago, Overlap.SKIP, now=NOON, new_id=lambda: "job")
    assert _submitted(_decide(filled, 0)) == long_ago
