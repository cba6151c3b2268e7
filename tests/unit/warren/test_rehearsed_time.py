"""The pytest plugin: rests, soft timeouts, and what a job says of its times."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.warren import sample_tasks
from warren.rehearsal import Outcome

Run = Callable[..., Outcome]


@pytest.mark.parametrize(
    "rests",
    [sample_tasks.rests_in_a_thread, sample_tasks.rests_in_a_process],
    ids=lambda task: task.name,
)
def test_a_task_that_asks_for_a_rest_waits(run_task: Run, rests: Any) -> None:
    outcome = run_task(rests)
    assert (outcome.status, outcome.after_s, outcome.error) == ("waiting", 7, None)


def test_a_retry_without_a_time_is_an_attempt_that_failed(run_task: Run) -> None:
    assert run_task(sample_tasks.rests, {"after_s": 1}).status == "waiting"
    outcome = run_task(sample_tasks.rests)
    assert (outcome.status, outcome.after_s) == ("failed", None)
    assert outcome.error is not None
    assert (outcome.error["type"], outcome.error["retryable"]) == ("Retry", True)


def test_the_lists_of_a_task_decide_in_its_process_too(run_task: Run) -> None:
    error = run_task(sample_tasks.breaks_for_good).error
    assert error is not None
    assert (error["type"], error["retryable"]) == ("KeyError", False)


@pytest.mark.parametrize(
    ("task", "half"),
    [
        (sample_tasks.saves_what_it_has, "half, cancelled=True"),
        (sample_tasks.looks_now_and_then, "half"),
        (sample_tasks.catches_its_soft_timeout, "half, after 0.3 s"),
    ],
    ids=lambda value: getattr(value, "execution", None),
)
def test_what_a_task_returns_after_its_soft_timeout_counts(
    run_task: Run, task: Any, half: str
) -> None:
    outcome = run_task(task, {"seconds": 30})
    assert (outcome.status, outcome.result) == ("succeeded", half)
    assert run_task(task, {"seconds": 0}).result == "whole"


def test_a_cancellation_by_the_soft_timeout_that_is_not_caught_is_a_timeout(run_task: Run) -> None:
    error = run_task(sample_tasks.sleep, {"seconds": 30}, soft_timeout_s=0.05).error
    assert error is not None
    assert (error["type"], error["retryable"]) == ("timeout", True)
    assert error["message"] == "the attempt took longer than its soft timeout of 0.05 s"


def test_an_async_task_in_a_process_is_cancelled_by_its_soft_timeout(run_task: Run) -> None:
    late = sample_tasks.is_cancelled_in_its_process
    assert run_task(late, {"seconds": 30, "value": "half"}).result == "half"
    error = run_task(late, {"seconds": 30}).error
    assert error is not None
    assert (error["type"], error["retryable"]) == ("timeout", False), "never_retry=[TimeoutError]"


def test_the_hard_timeout_ends_a_task_that_ignores_the_soft_one(run_task: Run) -> None:
    error = run_task(sample_tasks.stubborn, {"seconds": 30}, timeout_s=0.2).error
    assert error is not None
    assert error["message"] == "the attempt took longer than its timeout of 0.2 s"
    saved = run_task(sample_tasks.stubborn, {"seconds": 30}, soft_timeout_s=0.1, timeout_s=5)
    assert saved.result == "too late"


def test_the_hard_timeout_of_a_task_is_final_if_timeouts_are(run_task: Run) -> None:
    late = sample_tasks.is_cancelled_in_its_process
    error = run_task(late, {"seconds": 30}, timeout_s=0.1).error
    assert error is not None
    assert (error["message"], error["retryable"]) == (
        "the attempt took longer than its timeout of 0.1 s",
        False,
    )


@pytest.mark.parametrize(
    ("task", "most"),
    [(sample_tasks.tells_of_itself, 4), (sample_tasks.tells_of_itself_in_a_process, 1)],
    ids=lambda value: getattr(value, "execution", None),
)
def test_a_job_may_be_given_its_times(run_task: Run, task: Any, most: int) -> None:
    assert run_task(task).result == [1, most, None]
    at = datetime(2026, 1, 2, tzinfo=UTC)
    told = run_task(task, attempt=2, max_attempts=9, nominal_at=at).result
    assert told == [2, 9, "2026-01-02T00:00:00Z"]
