"""The life of a job: every attempt with its outcome, every step once, in order."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from api.timeline import attempts, first_queued_at, timeline
from shared.contracts.job import Job
from shared.contracts.moves import Status
from tests.builders import NOON, a_claim, a_failure, a_job, a_job_in

FIRST, SECOND = a_claim(worker="first", token="1"), a_claim(worker="second", token="2")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def told(job: Job) -> list[tuple[str, float]]:
    return [(each["event"], (each["at"] - NOON).total_seconds()) for each in timeline(job)]


def tried() -> Job:
    """A job that failed once, waits ten seconds, and runs again."""
    job = a_job().claimed(by=FIRST, at=at(1))
    job = job.tried_in_vain(error=a_failure(), delay=timedelta(seconds=10), at=at(2))
    return job.opened(at=at(12)).claimed(by=SECOND, at=at(13))


def test_a_plain_life_is_three_steps() -> None:
    job = a_job().claimed(by=FIRST, at=at(1)).succeeded(result="1", at=at(2))
    assert told(job) == [("job.queued", 0), ("job.running", 1), ("job.succeeded", 2)]


def test_a_job_for_later_waits_first() -> None:
    job = a_job_in(Status.WAITING, run_at=at(60), due_at=at(60))
    [waits] = timeline(job)
    assert (waits["event"], waits["until"], waits["because"]) == ("job.waiting", at(60), "schedule")
    job = job.opened(at=at(60)).claimed(by=FIRST, at=at(61))
    assert told(job) == [("job.waiting", 0), ("job.queued", 60), ("job.running", 61)]


def test_a_failed_attempt_is_told_with_its_error_and_what_follows() -> None:
    job = tried().succeeded(result="1", at=at(14))
    assert told(job) == [
        ("job.queued", 0),
        ("job.running", 1),
        ("job.retrying", 2),
        ("job.queued", 12),
        ("job.running", 13),
        ("job.succeeded", 14),
    ]
    retrying = timeline(job)[2]
    assert (retrying["error"], retrying["until"]) == (a_failure(), at(12))
    assert (retrying["because"], retrying["attempt"], retrying["worker"]) == ("retry", 1, "first")


@pytest.mark.parametrize(
    ("moves", "event", "because"),
    [
        (lambda job: job.lost_its_worker(at=at(2)), "job.queued", "lost"),
        (lambda job: job.handed_back(at=at(2)), "job.queued", "handed-back"),
        (lambda job: job.snoozed(delay=timedelta(9), at=at(2)), "job.retrying", "snoozed"),
    ],
)
def test_an_attempt_that_did_not_count_is_told_once(moves: Any, event: str, because: str) -> None:
    job = moves(a_job().claimed(by=FIRST, at=at(1)))
    assert told(job) == [("job.queued", 0), ("job.running", 1), (event, 2)]
    assert timeline(job)[-1]["because"] == because
    assert [each["outcome"] for each in attempts(job)] == [because]


def test_who_asked_a_running_job_to_stop_is_told_before_its_end() -> None:
    job = a_job_in(Status.RUNNING, started_at=at(1), cancel_asked_at=at(2)).cancelled(at=at(3))
    assert told(job)[-2:] == [("job.cancelling", 2), ("job.cancelled", 3)]


def test_a_run_by_hand_follows_the_end_of_the_one_before() -> None:
    job = a_job().claimed(by=FIRST, at=at(1)).failed(error=a_failure(), at=at(2))
    job = job.again(at=at(50)).claimed(by=SECOND, at=at(51)).succeeded(result="1", at=at(52))
    assert told(job) == [
        ("job.queued", 0),
        ("job.running", 1),
        ("job.failed", 2),
        ("job.queued", 50),
        ("job.running", 51),
        ("job.succeeded", 52),
    ]
    assert timeline(job)[3]["because"] == "run-again"
    assert timeline(job)[2]["error"] == a_failure()


def test_a_job_that_ended_before_any_attempt_can_run_by_hand() -> None:
    job = a_job().cancelled(at=at(1)).again(at=at(2))
    assert told(job) == [("job.queued", 0), ("job.cancelled", 1), ("job.queued", 2)]
    assert attempts(job) == []


def test_attempts_are_all_there_past_and_present() -> None:
    first, second = attempts(tried())
    assert (first["attempt"], first["worker"], first["outcome"]) == (1, "first", "failed")
    assert (first["duration_s"], first["error"]) == (1, a_failure())
    assert (second["attempt"], second["worker"], second["queued_at"]) == (2, "second", at(12))
    assert (second["outcome"], second["ended_at"], second["duration_s"]) == (None, None, None)
    [*_, ended] = attempts(tried().succeeded(result="1", at=at(15)))
    assert (ended["outcome"], ended["duration_s"]) == ("succeeded", 2)


def test_a_job_with_a_key_waits_for_it_first() -> None:
    job = a_job_in(Status.WAITING, keys=("k",), lane="k", because="key", due_at=None)
    assert [(e["event"], e.get("because")) for e in timeline(job)] == [("job.waiting", "key")]
    assert first_queued_at(job) is None
    runs = job.opened(at=at(5)).claimed(by=FIRST, at=at(6))
    assert [e["event"] for e in timeline(runs)] == ["job.waiting", "job.queued", "job.running"]
