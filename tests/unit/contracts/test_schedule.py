"""A schedule: its window, the jobs that it makes, pausing, and what its owner may say."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.errors import InvalidSchedule
from shared.contracts.ids import new_id
from shared.contracts.moves import Status
from shared.contracts.schedule import LOOK_AGAIN, Held, Making
from shared.contracts.schedules.definition import Times, check_times, fields_of
from tests.builders import NOON, a_job, a_schedule

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def _minutes(*numbers: int) -> list[datetime]:
    return [NOON + number * MINUTE for number in numbers]


def _fires(schedule: Any, **asked: Any) -> list[datetime]:
    return [fire.at for fire in schedule.fires(**({"most": 100} | asked))]


def test_nominal_times_lie_between_start_and_end_and_may_be_these() -> None:
    schedule = a_schedule(every=MINUTE, start_at=NOON + MINUTE, end_at=NOON + 3 * MINUTE)
    assert _fires(schedule, after=NOON - MINUTE, until=None) == _minutes(1, 2, 3)


def test_nominal_times_are_asked_for_behind_one_instant_up_to_another() -> None:
    schedule = a_schedule(every=MINUTE)
    assert _fires(schedule, after=NOON, until=NOON + 2 * MINUTE) == _minutes(1, 2)
    assert _fires(schedule, after=NOON, until=None, most=3) == _minutes(1, 2, 3)


def test_a_job_is_made_of_the_template_and_knows_its_schedule_and_nominal_time() -> None:
    schedule = a_schedule(template=a_job(queue="nightly", priority=8, input='{"x":1}'))
    made_at = NOON + 30 * SECOND
    job = schedule.job(Making(nominal_at=NOON, job_id=new_id(made_at)))
    assert (job.schedule_id, job.nominal_at) == (schedule.id, NOON)
    assert (job.queue, job.priority, job.input) == ("nightly", 8, '{"x":1}')
    assert (job.status, job.due_at, job.created_at) == (Status.QUEUED, None, made_at)


def test_whoever_makes_a_decided_job_makes_the_same_one() -> None:
    schedule = a_schedule(jitter=MINUTE)
    making = Making(nominal_at=NOON, job_id=new_id(NOON))
    assert schedule.job(making) == schedule.job(making)


def test_jitter_delays_the_job_and_leaves_its_nominal_time() -> None:
    schedule = a_schedule(every=SECOND, jitter=MINUTE)
    times = _fires(schedule, after=NOON, until=None)
    delays = [schedule.jitter_of(at) for at in times]
    assert all(timedelta() <= delay < MINUTE for delay in delays)
    assert len(set(delays)) > 90
    job = schedule.job(Making(nominal_at=times[0], job_id=new_id(times[0])))
    assert (job.status, job.because, job.nominal_at) == (Status.WAITING, "schedule", times[0])
    assert job.due_at == times[0] + delays[0]


def test_jitter_differs_between_schedules() -> None:
    schedules = [a_schedule(id=f"s{n}", jitter=MINUTE) for n in range(20)]
    assert len({schedule.jitter_of(NOON) for schedule in schedules}) > 15


def test_a_delay_that_has_passed_already_holds_nothing_back() -> None:
    schedule = a_schedule(delay=5 * SECOND)
    late = schedule.job(Making(nominal_at=NOON, job_id=new_id(NOON + MINUTE)))
    timely = schedule.job(Making(nominal_at=NOON, job_id=new_id(NOON)))
    assert (late.status, late.due_at) == (Status.QUEUED, None)
    assert (timely.status, timely.due_at) == (Status.WAITING, NOON + 5 * SECOND)


def test_a_job_expires_some_time_after_it_might_have_run() -> None:
    schedule = a_schedule(expires_in=MINUTE, delay=5 * SECOND)
    timely = schedule.job(Making(nominal_at=NOON, job_id=new_id(NOON)))
    late = schedule.job(Making(nominal_at=NOON, job_id=new_id(NOON + 2 * MINUTE)))
    assert timely.expires_at == NOON + 5 * SECOND + MINUTE
    assert late.expires_at == NOON + 3 * MINUTE


def test_the_next_look_is_at_the_next_nominal_time() -> None:
    schedule = a_schedule(every=MINUTE, cursor=NOON + 2 * MINUTE)
    assert schedule.next_look(NOON) == NOON + 3 * MINUTE


def test_while_something_waits_for_an_earlier_job_the_next_look_is_soon() -> None:
    waiting = a_schedule(every=MINUTE, cursor=NOON, buffered=(Held(nominal_at=NOON),))
    assert waiting.next_look(NOON) == NOON + LOOK_AGAIN


def test_while_a_decision_is_not_carried_out_the_next_look_is_now() -> None:
    making = (Making(nominal_at=NOON, job_id=new_id(NOON)),)
    assert a_schedule(making=making, paused=True).next_look(NOON) == NOON


def test_after_the_last_nominal_time_nobody_looks_again() -> None:
    assert a_schedule(every=MINUTE, cursor=NOON, end_at=NOON + SECOND).next_look(NOON) is None


def test_a_paused_schedule_is_not_looked_at_and_nothing_waits_in_it() -> None:
    schedule = a_schedule(buffered=(Held(nominal_at=NOON), Held(nominal_at=NOON + SECOND)))
    paused = schedule.pause("holidays", now=NOON)
    assert (paused.paused, paused.note, paused.next_at) == (True, "holidays", None)
    assert (paused.buffered, paused.skipped) == ((), 2)


def test_a_resumed_schedule_does_not_catch_up_on_its_pause() -> None:
    paused = a_schedule(every=MINUTE, cursor=NOON).pause("holidays", now=NOON)
    resumed = paused.resume(None, now=NOON + 10 * MINUTE)
    assert (resumed.paused, resumed.note) == (False, None)
    assert resumed.next_at == NOON + 11 * MINUTE


def test_resuming_what_is_not_paused_forgets_no_time() -> None:
    resumed = a_schedule(every=MINUTE, cursor=NOON).resume(None, now=NOON + 10 * MINUTE)
    assert resumed.next_at == NOON + MINUTE


def _refused(**said: Any) -> str:
    with pytest.raises(InvalidSchedule) as refusal:
        check_times(Times.model_validate(said))
    return str(refusal.value)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "either cron or every_s"),
        ({"cron": "@daily", "every_s": 1}, "either cron or every_s"),
        ({"cron": "@never"}, "/cron: there is no @never"),
        ({"cron": "@daily", "timezone": "Nowhere"}, "/timezone: there is no time zone 'Nowhere'"),
        ({"cron": "@daily", "phase_s": 1}, "/phase_s: a phase belongs to every_s"),
        ({"every_s": 1, "timezone": "Europe/Berlin"}, "/timezone: a time zone belongs to cron"),
        (
            {"every_s": 1, "start_at": "2026-06-02T00:00Z", "end_at": "2026-06-01T00:00Z"},
            "/end_at: it ends before it starts",
        ),
        ({"every_s": 1, "end_at": "9900-06-02T00:00Z"}, "/end_at: the year"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(said: dict[str, Any], why: str) -> None:
    assert why in _refused(**said)


@pytest.mark.parametrize(
    "said",
    [
        {"every_s": 0.5},
        {"every_s": "5"},
        {"every_s": 1, "overlap": "sometimes"},
        {"every_s": 1, "jitter_s": -1},
        {"every_s": 1, "start_at": 1767225600},
        {"every_s": 1, "start_at": "2026-06-01T00:00"},
        {"every_s": 1, "start_at": "soon"},
        {"every_s": 1, "name": ""},
        {"every_s": 1, "name": "a\0b"},
        {"every_s": 1, "when": "often"},
    ],
)
def test_a_field_with_a_wrong_value_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Times.model_validate(said)


def test_what_is_said_becomes_spans_and_instants_in_milliseconds() -> None:
    said = {"every_s": 1.5, "phase_s": 0.25, "start_at": "2026-06-01T14:00:00.123456+02:00"}
    fields = fields_of(Times.model_validate(said))
    assert (fields["every"], fields["phase"]) == (1.5 * SECOND, 0.25 * SECOND)
    assert fields["start_at"] == NOON + timedelta(milliseconds=123)
    assert (fields["overlap"], fields["catch_up"]) == ("skip", timedelta(hours=1))
