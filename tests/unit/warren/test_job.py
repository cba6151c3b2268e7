"""What a task may say and ask through its Job."""

from datetime import UTC, datetime
from typing import Any

import pytest

from warren.job import Job, detached
from warren.recorder import LogLine, Progress, Recorder


def job_with(port: Recorder) -> Job:
    return Job(id="7", attempt=2, input={"x": 1}, port=port)


def test_a_job_knows_who_it_is() -> None:
    job = job_with(Recorder())
    assert (job.id, job.attempt, job.input, job.cancelled) == ("7", 2, {"x": 1}, False)
    assert repr(job) == "Job(id='7', attempt=2)"


def test_a_job_knows_its_schedule_and_how_often_it_may_run() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    job = Job(
        id="7", attempt=2, max_attempts=5, input={}, schedule_id="s", nominal_at=at, port=Recorder()
    )
    assert (job.max_attempts, job.schedule_id, job.nominal_at) == (5, "s", at)


def test_a_job_sees_at_once_that_it_is_cancelled_and_then_it_knows() -> None:
    port = Recorder()
    job = job_with(port)
    assert (job.cancelled, port.knows) == (False, False)
    port.asked = True
    assert not port.knows
    assert job.cancelled
    assert port.knows


def test_a_soft_timeout_asks_to_stop_too_but_is_no_cancellation() -> None:
    port = Recorder()
    port.late = True
    assert job_with(port).cancelled
    assert not port.knows


async def test_reports_are_taken_with_and_without_await() -> None:
    port = Recorder()
    job = job_with(port)
    job.progress(1)
    await job.progress(2, 10, "half way")
    job.log("hello")
    await job.log("careful", level="warning", page=3)
    assert port.reports == [Progress(1), Progress(2, 10, "half way")]
    assert port.lines == [LogLine("info", "hello"), LogLine("warning", "careful", {"page": 3})]


def test_log_fields_are_plain_json_whatever_they_were() -> None:
    port = Recorder()
    job_with(port).log("\ud800", thing=object, many={1}, bad=float("inf"))
    (line,) = port.lines
    assert line.message == "\\ud800"
    assert line.fields == {"thing": "<class 'object'>", "many": [1], "bad": "inf"}


@pytest.mark.parametrize("current", [float("nan"), float("inf"), True, "3", None])
def test_progress_is_a_finite_number(current: Any) -> None:
    with pytest.raises(ValueError, match="must be a finite number"):
        job_with(Recorder()).progress(current)


def test_an_unknown_log_level_is_refused() -> None:
    level: Any = "loud"
    with pytest.raises(ValueError, match="use one of debug, info, warning, error"):
        job_with(Recorder()).log("hello", level=level)


async def test_a_detached_job_reports_to_nobody() -> None:
    job = detached()
    await job.progress(1)
    await job.log("hello")
    assert not job.cancelled
