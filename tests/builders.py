"""Jobs and their parts for tests: plausible, with what a test cares about overridden."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.attempt import Claim, Failure
from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.schedule import Schedule

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 6, 1, 12, 0, 5, tzinfo=UTC)


def a_claim(**overrides: Any) -> Claim:
    """The claim of some worker."""
    return Claim(**{"token": "token-1", "worker": "worker-1"} | overrides)


def a_failure(**overrides: Any) -> Failure:
    """The error of a task that raised."""
    given: dict[str, Any] = {"type": "ValueError", "message": "no", "retryable": True, "attempt": 1}
    return Failure(**given | overrides)


def a_job(**overrides: Any) -> Job:
    """A job that has just been accepted."""
    given: dict[str, Any] = {
        "id": new_id(NOON),
        "task": "math.add",
        "queue": "default",
        "created_at": NOON,
    }
    return Job(**given | overrides)


def a_job_in(status: Status, **overrides: Any) -> Job:
    """A job that stands in `status`, with what such a job has."""
    job = a_job(status=status)
    if status is Status.WAITING:
        job = replace(job, due_at=LATER, because="schedule")
    if status not in (Status.WAITING, Status.QUEUED):
        job = replace(job, claim=a_claim(), started_at=NOON, attempt=1, starts=1, version=2)
    if job.done:
        job = replace(job, finished_at=LATER, version=3)
    return replace(job, **overrides)


def a_running_job(**overrides: Any) -> Job:
    """A job that a worker has claimed."""
    return a_job_in(Status.RUNNING, **overrides)


def a_schedule(**overrides: Any) -> Schedule:
    """A schedule that was made at noon and fires each second."""
    given: dict[str, Any] = {
        "id": new_id(NOON),
        "definition": '{"task":"math.add","every_s":1}',
        "template": a_job(),
        "created_at": NOON,
        "updated_at": NOON,
        "cursor": NOON,
        "every": timedelta(seconds=1),
    }
    return Schedule(**given | overrides)
