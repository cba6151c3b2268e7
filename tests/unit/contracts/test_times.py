"""When and how often a job runs: what a submission may say of it, and what its task says."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.contracts.attempt import Backoff
from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.submission import read_options, read_submission, to_job
from tests.builders import LATER, NOON

PLAIN: dict[str, Any] = {"name": "math.add", "queue": "math", "execution": "loop"}
HOUR = timedelta(hours=1)


def made(*, entry: dict[str, Any] | None = None, **options: Any) -> Job:
    submission = read_submission({"task": "math.add", **options})
    task = TaskEntry(**PLAIN | (entry or {}))
    return to_job(submission, task, input_text="{}", job_id=None, now=NOON)


def refused(**options: Any) -> Fault:
    with pytest.raises(InvalidInput) as caught:
        made(**options)
    return caught.value.faults[0]


def rfc(at: datetime) -> str:
    return at.isoformat()


@pytest.mark.parametrize("options", [{"run_at": rfc(LATER)}, {"delay_s": 5}])
def test_a_job_for_later_waits_for_its_time(options: dict[str, Any]) -> None:
    job = made(**options)
    assert (job.status, job.due_at, job.because) == (Status.WAITING, LATER, "schedule")
    assert job.run_at == LATER


@pytest.mark.parametrize("options", [{"run_at": rfc(NOON - HOUR)}, {"delay_s": 0}])
def test_a_time_that_has_passed_means_now(options: dict[str, Any]) -> None:
    job = made(**options)
    assert (job.status, job.due_at, job.because) == (Status.QUEUED, None, None)


def test_there_is_no_limit_to_how_far_ahead() -> None:
    assert made(run_at="9999-12-31T23:59:59Z").status is Status.WAITING


def test_instants_are_kept_in_utc_and_in_milliseconds() -> None:
    job = made(run_at="2026-06-01T16:00:00.123456+02:00")
    assert job.run_at is not None
    assert rfc(job.run_at) == "2026-06-01T14:00:00.123000+00:00"


@pytest.mark.parametrize("field", ["run_at", "expires_at"])
@pytest.mark.parametrize(
    "value", [1780000000, "1780000000", "noon", "2026-06-01", "2026-06-01T12:00:00", True]
)
def test_an_instant_needs_a_date_a_time_and_a_zone(field: str, value: Any) -> None:
    assert refused(**{field: value}).pointer == f"/{field}"


def test_an_instant_outside_the_calendar_is_refused() -> None:
    assert "no calendar" in refused(run_at="0001-01-01T00:00:00+14:00").message


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"run_at": rfc(LATER), "delay_s": 1}, "/delay_s"),
        ({"expires_at": rfc(LATER), "expires_in_s": 1}, "/expires_in_s"),
        ({"expires_at": rfc(NOON)}, "/expires_at"),
        ({"expires_at": rfc(LATER), "run_at": rfc(LATER)}, "/expires_at"),
        ({"expires_in_s": 5, "delay_s": 5}, "/expires_in_s"),
        ({"soft_timeout_s": 5, "timeout_s": 5}, "/soft_timeout_s"),
        ({"delay_s": -1}, "/delay_s"),
        ({"expires_in_s": 0}, "/expires_in_s"),
        ({"soft_timeout_s": 0}, "/soft_timeout_s"),
        ({"retry": {"max_attempts": 101}}, "/retry/max_attempts"),
        ({"retry": {"factor": 0.5}}, "/retry/factor"),
        ({"retry": {"jitter": 1}}, "/retry/jitter"),
        ({"retry": {"tries": 3}}, "/retry/tries"),
        ({"retry": 3}, "/retry"),
    ],
)
def test_what_contradicts_itself_is_refused_at_its_place(
    options: dict[str, Any], pointer: str
) -> None:
    assert refused(**options).pointer == pointer


def test_an_expiry_that_has_passed_is_said_to_have() -> None:
    assert "has passed already" in refused(expires_at="2020-01-01T00:00:00Z").message


def test_an_expiry_is_an_instant_or_counts_from_the_submission() -> None:
    assert made(expires_at=rfc(LATER)).expires_at == LATER
    assert made(expires_in_s=5).expires_at == LATER


def test_the_expiry_of_a_task_counts_from_the_time_when_the_job_may_run() -> None:
    entry = {"expires_in_s": 60}
    assert made(entry=entry).expires_at == NOON + timedelta(seconds=60)
    assert made(entry=entry, run_at=rfc(LATER)).expires_at == LATER + timedelta(seconds=60)
    assert made(entry=entry, expires_in_s=5).expires_at == LATER
    assert made(entry=entry, run_at="9999-12-31T23:59:59Z").expires_at is None


def test_without_a_policy_there_is_one_attempt() -> None:
    assert (made().backoff, made().max_attempts) == (None, 1)


def test_a_policy_has_the_usual_values_where_nothing_is_said() -> None:
    job = made(retry={})
    assert (job.backoff, job.max_attempts) == (Backoff(), 3)


def test_a_submission_replaces_the_policy_of_its_task_field_by_field() -> None:
    entry = {"retry": {"max_attempts": 7, "backoff_s": 2, "factor": 3, "max_backoff_s": 60}}
    job = made(entry=entry, retry={"max_attempts": 5, "jitter": False, "backoff_s": None})
    expected = Backoff(attempts=5, first_s=2, factor=3, most_s=60, jitter=False)
    assert (job.backoff, job.max_attempts) == (expected, 5)
    assert made(entry=entry).max_attempts == 7


def test_the_defaults_of_a_task_hold_where_nothing_is_said() -> None:
    entry = {"priority": 8, "timeout_s": 30, "soft_timeout_s": 20, "retention_s": 60}
    job = made(entry=entry)
    assert (job.priority, job.timeout_s, job.soft_timeout_s, job.retention_s) == (8, 30, 20, 60)
    assert made(entry=entry, priority=0).priority == 0
    assert made(entry=entry, delay_s=1).soft_timeout_s == 20


def test_a_shorter_hard_limit_takes_the_place_of_the_soft_one_of_the_task() -> None:
    entry = {"timeout_s": 30, "soft_timeout_s": 20}
    assert made(entry=entry, timeout_s=10).soft_timeout_s is None
    assert made(entry=entry, soft_timeout_s=25).soft_timeout_s == 25
    with pytest.raises(InvalidInput, match="/soft_timeout_s: must be less than timeout_s"):
        made(entry=entry, soft_timeout_s=30)


def test_options_in_a_query_say_the_same_as_text() -> None:
    options = read_options(
        {"delay_s": "1.5", "run_at": rfc(LATER), "retry": {"max_attempts": "4", "jitter": "no"}}
    )
    assert (options.delay_s, options.run_at) == (1.5, LATER)
    assert options.retry is not None
    assert (options.retry.max_attempts, options.retry.jitter) == (4, False)
