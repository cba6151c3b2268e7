"""Why a job is where it is: the cause in words and as a code, and no promise without grounds."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from api.views import waiting_for
from api.why import Line, Workers, why_ended, why_queued, why_running, why_waiting, workers_for
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.pauses import Pause, Paused
from shared.infrastructure.queue_depths import MOST_COUNTED
from shared.infrastructure.workflow.awaiting import Awaited
from tests.builders import LATER, NOON, a_failure, a_job, a_job_in, a_running_job

SERVED = Workers(serving=("w",), knowing=("w",), slots=10, running=4)
FREE = Line(workers=SERVED, held=False, broker_up=True, ahead=0)
FULL = replace(FREE, workers=replace(SERVED, running=10), durations=[1.0] * 5 + [3.0] * 5)


def a_row(**overrides: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"_id": "w", "state": "running", "queues": ["default"], "slots": 10}
    return given | {"tasks": ["math.add"], "counts": {"running": 4}} | overrides


def codes(told: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in told["reasons"]]


def queued(line: Line, job: Job | None = None) -> dict[str, Any]:
    return why_queued(job or a_job(), line, now=NOON)


def test_only_workers_that_serve_the_queue_know_the_task_and_take_jobs_count() -> None:
    rows = [
        a_row(),
        a_row(_id="other queue", queues=["other"]),
        a_row(_id="other tasks", tasks=["mail.send"]),
        a_row(_id="draining", state="draining"),
        a_row(_id="new", counts={}),
    ]
    found = workers_for(a_job(), rows)
    assert found.serving == ("w", "other tasks", "new")
    assert (found.knowing, found.draining) == (("w", "new"), ("draining",))
    assert (found.slots, found.running) == (20, 4)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (FREE, ["next"]),
        (replace(FREE, workers=Workers()), ["no-worker"]),
        (replace(FREE, workers=Workers(draining=("a",))), ["no-worker"]),
        (replace(FREE, workers=Workers(serving=("a",))), ["no-worker-with-task"]),
        (replace(FREE, ahead=3), ["others-first"]),
        (FULL, ["no-free-slot"]),
        (replace(FULL, ahead=3, held=True), ["others-first", "no-free-slot", "held"]),
        (replace(FREE, broker_up=False, held=True), ["broker-away"]),
    ],
)
def test_a_queued_job_is_explained_by_what_stands_before_it(
    line: Line, expected: list[str]
) -> None:
    told = queued(line)
    assert codes(told) == expected
    assert told["position"] == line.ahead
    assert all(reason["text"] in told["summary"] for reason in told["reasons"])


def test_a_job_whose_bell_is_in_the_broker_waits_for_neither_window_nor_broker() -> None:
    line = replace(FREE, held=True, broker_up=False)
    assert codes(queued(line, a_job(published=True))) == ["next"]


def test_the_texts_name_the_queue_and_the_task() -> None:
    job = a_job(queue="mail", task="mail.send")
    assert "'mail'" in queued(replace(FREE, workers=Workers()), job)["summary"]
    assert "'mail.send'" in queued(replace(FREE, workers=Workers(serving=("a",))), job)["summary"]


def expected(line: Line) -> tuple[float | None, float | None]:
    told = queued(line)
    since, until = told["expected_start"], told["expected_start_by"]
    seconds = [None if each is None else (each - NOON).total_seconds() for each in (since, until)]
    return seconds[0], seconds[1]


def test_with_a_free_slot_the_start_is_now() -> None:
    assert expected(FREE) == (0, None)


def test_behind_others_the_start_follows_from_what_recent_jobs_took() -> None:
    # One turn on ten slots: a tenth of a quick job at best, a tenth and a whole slow one at worst.
    assert expected(FULL) == pytest.approx((0.1, 3.3))
    assert expected(replace(FULL, ahead=9)) == pytest.approx((1.0, 6.0))


@pytest.mark.parametrize(
    "line",
    [
        replace(FULL, durations=[1.0] * 9),
        replace(FULL, ahead=MOST_COUNTED),
        replace(FULL, workers=Workers()),
    ],
)
def test_where_nobody_can_know_no_start_is_promised(line: Line) -> None:
    assert expected(line) == (None, None)


def test_a_waiting_job_starts_no_earlier_than_its_time() -> None:
    told = why_waiting(a_job_in(Status.WAITING))
    assert (codes(told), told["expected_start"]) == (["time"], LATER)
    assert told["waiting_for"] == [{"gate": "time", "until": LATER, "because": "schedule"}]
    assert "2026-06-01T12:00:05.000Z" in told["summary"]


def test_a_running_job_is_explained_by_its_attempt() -> None:
    job = a_running_job(timeout_s=60, soft_timeout_s=30)
    told = why_running(job, a_row(lease_until=LATER))
    assert codes(told) == ["running"]
    assert told["running"]["lease_until"] == LATER
    assert told["running"]["soft_deadline"] == NOON + timedelta(seconds=30)
    assert told["running"]["hard_deadline"] == NOON + timedelta(seconds=60)


@pytest.mark.parametrize("row", [None, a_row(state="dead", lease_until=NOON)])
def test_a_job_that_is_to_stop_and_whose_worker_is_gone_says_so(row: Any) -> None:
    told = why_running(a_running_job(cancel_asked_at=LATER), row)
    assert codes(told) == ["running", "cancel-asked", "worker-gone"]


def test_an_ended_job_says_how_and_why() -> None:
    told = why_ended(a_job_in(Status.FAILED, error=a_failure(message="no such file")))
    assert codes(told) == ["ended"]
    assert "failed" in told["summary"]
    assert "no such file" in told["summary"]


def test_a_job_that_waits_for_others_names_them() -> None:
    job = a_job(status=Status.WAITING, because="jobs")
    few = why_waiting(job, Awaited(open=1, ids=("1",), nodes=("a",)))
    assert few["reasons"] == [{"code": "jobs", "text": "it waits for 1 job of its workflow: a"}]
    assert few["waiting_for"] == [{"gate": "jobs", "ids": ("1",), "open": 1}]
    many = why_waiting(job, Awaited(open=9, ids=("1", "2"), nodes=("a", "b")))
    assert many["summary"].endswith("it waits for 9 jobs of its workflow: a, b and 7 more.")
    assert "has ended" in why_waiting(job)["summary"]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.WAITING])
def test_a_pause_is_told_with_who_and_why(status: Status) -> None:
    paused = Paused(
        queues={"default": Pause(at=NOON, by="ann", why="the disk is full")},
        tasks={"math.add": Pause(at=LATER)},
    )
    job = a_job_in(status)
    told = (
        why_queued(job, replace(FREE, paused=paused), now=NOON)
        if status is Status.QUEUED
        else why_waiting(job, paused=paused)
    )
    assert codes(told)[-2:] == ["paused", "paused"]
    assert "its queue 'default' is paused by ann since 2026-06-01" in told["summary"]
    assert "the disk is full" in told["summary"]
    assert "its task 'math.add' is paused by an operator" in told["summary"]
    assert told["expected_start"] is None
    queue, task = (each for each in told["waiting_for"] if each["gate"] == "paused")
    assert (queue["queue"], queue["by"], task["task"]) == ("default", "ann", "math.add")


def test_what_runs_or_has_ended_is_held_by_no_pause() -> None:
    paused = Paused(queues={"default": Pause(at=NOON)})
    assert waiting_for(a_running_job(), paused=paused) == []
    assert waiting_for(a_job_in(Status.SUCCEEDED), paused=paused) == []
