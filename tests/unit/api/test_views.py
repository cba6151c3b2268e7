"""A job as clients see it: every field that the API promises, and JSON whatever it holds."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from api.views import etag, job_view, to_json
from shared.contracts.attempt import Progress
from shared.contracts.moves import Status
from tests.builders import LATER, a_claim, a_failure, a_job, a_job_in, a_running_job


def seen(value: Any) -> Any:
    return json.loads(to_json(value))


def test_a_new_job_has_every_field_that_is_promised() -> None:
    view = seen(job_view(a_job(id="an-id")))
    promised = (
        "id task queue status done priority input result error progress waiting_for attempt "
        "max_attempts snoozes attempts limits timeout_s soft_timeout_s key key_limit when_busy "
        "tags metadata workflow_id node parent_id schedule_id cache unique run_at expires_at "
        "nominal_at created_at queued_at started_at finished_at cancel_asked_at version worker "
        "links"
    )
    assert list(view) == promised.split()
    assert view["links"]["self"] == "/v1/jobs/an-id"
    assert (view["status"], view["done"], view["waiting_for"]) == ("queued", False, [])
    assert view["queued_at"] == view["created_at"] == "2026-06-01T12:00:00Z"


def test_input_result_and_metadata_are_shown_as_they_came() -> None:
    job = a_job_in(Status.SUCCEEDED, input='{"a":[1,2]}', result='"x"', metadata='{"$k":null}')
    view = seen(job_view(job))
    assert (view["input"], view["result"], view["metadata"]) == ({"a": [1, 2]}, "x", {"$k": None})


def test_a_result_of_null_is_null_and_an_error_is_shown_whole() -> None:
    assert seen(job_view(a_job_in(Status.SUCCEEDED, result="null")))["result"] is None
    error = seen(job_view(a_job_in(Status.FAILED, error=a_failure())))["error"]
    assert error == {
        "type": "ValueError",
        "message": "no",
        "retryable": True,
        "attempt": 1,
        "traceback": None,
    }


def test_progress_and_worker_of_a_running_job_are_shown() -> None:
    job = a_running_job(progress=Progress(current=1, total=2), claim=a_claim(worker="w"))
    view = seen(job_view(job))
    assert view["progress"] == {"current": 1, "total": 2, "message": None}
    assert view["worker"] == "w"
    assert "token" not in json.dumps(view)


@pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=5))])  # noqa: UP017
def test_instants_are_shown_in_utc(zone: timezone) -> None:
    at = datetime(2026, 6, 1, 12, tzinfo=zone)
    shown = seen({"at": at})["at"]
    assert datetime.fromisoformat(shown) == at


def test_each_version_has_an_entity_tag_of_its_own() -> None:
    job = a_job()
    assert etag(job) == '"v1"'
    assert etag(replace(job, version=2)) != etag(job)


def test_a_waiting_job_says_for_what() -> None:
    job = a_job_in(Status.WAITING, run_at=LATER)
    view = seen(job_view(job))
    until = "2026-06-01T12:00:05Z"
    assert view["waiting_for"] == [{"gate": "time", "until": until, "because": "schedule"}]
    assert (view["run_at"], view["queued_at"]) == (until, None)


def test_a_job_between_attempts_says_when_it_was_runnable_last() -> None:
    delay = timedelta(minutes=1)
    job = a_running_job().tried_in_vain(error=a_failure(), delay=delay, at=LATER)
    view = seen(job_view(job))
    assert view["queued_at"] == view["created_at"]
    assert view["waiting_for"][0]["because"] == "retry"
    assert (view["error"], view["started_at"], view["worker"]) == (None, None, None)


def test_a_job_that_was_never_runnable_has_no_such_instant() -> None:
    job = a_job_in(Status.WAITING, run_at=LATER).cancelled(at=LATER)
    assert seen(job_view(job))["queued_at"] is None
