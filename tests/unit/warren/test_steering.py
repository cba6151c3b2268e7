"""Both clients steer jobs: cancel, run again, ask why, do the same to many."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest

from tests.unit.warren.sample_tasks import add
from tests.unit.warren.service import Service, problem
from warren import AlreadyFinished, InvalidInput, JobFailed, Problem


def body(service: Service) -> Any:
    return json.loads(service.last.content)


def test_a_job_that_does_not_run_is_cancelled_at_once(client: Any, service: Service) -> None:
    job = service.add()
    assert client.cancel(job["id"]).status == "cancelled"
    assert client.cancel(job["id"]).status == "cancelled", "and may be cancelled twice"


def test_a_running_job_is_asked_to_stop(client: Any, service: Service) -> None:
    job = client.cancel(service.add(status="running")["id"])
    assert (job.status, job.done) == ("running", False)
    assert job.cancel_asked_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_job_that_has_ended_cannot_be_cancelled(client: Any, service: Service) -> None:
    job = service.add(status="succeeded")
    with pytest.raises(AlreadyFinished, match="409 already-finished: it has ended") as caught:
        client.cancel(job["id"])
    assert isinstance(caught.value, Problem)


def test_a_handle_cancels(client: Any) -> None:
    handle = client.submit("t.f")
    assert handle.cancel().status == "cancelled"
    with pytest.raises(JobFailed, match="no error was recorded"):
        handle.get()


def test_a_job_is_run_again_with_the_same_input_or_another(client: Any, service: Service) -> None:
    job = service.add(status="failed", input={"x": 1})
    assert client.retry(job["id"]).status == "queued"
    assert body(service) == {}
    service.end(job["id"], "failed")
    assert client.retry(job["id"], {"x": 2}).input == {"x": 2}
    assert body(service) == {"input": {"x": 2}}


def test_a_job_that_has_not_ended_is_not_run_again(client: Any, service: Service) -> None:
    with pytest.raises(Problem, match="409 not-finished"):
        client.retry(service.add()["id"])


def test_a_handle_forgets_the_end_of_a_job_that_runs_again(client: Any, service: Service) -> None:
    handle = client.handle(service.add(status="failed")["id"])
    assert handle.status == "failed"
    handle.retry()
    service.end(handle.id, result=7)
    assert handle.get() == 7


def test_a_handle_tells_the_attempts(client: Any, service: Service) -> None:
    error = {"type": "KeyError", "message": "'x'", "retryable": True, "attempt": 1}
    past = {"attempt": 1, "worker": "w", "outcome": "failed", "error": error, "duration_s": 2}
    handle = client.handle(service.add(attempts=[past, {"attempt": 2}])["id"])
    first, present = handle.attempts
    assert (first.outcome, first.error.type) == ("failed", "KeyError")
    assert (present.attempt, present.outcome) == (2, None)
    service.end(handle.id, result=7)
    handle.wait()
    asked = len(service.requests)
    assert len(handle.attempts) == 2
    assert len(service.requests) == asked


def test_why_a_job_does_not_run_can_be_asked(client: Any, service: Service) -> None:
    handle = client.submit("t.f")
    for told in (client.why(handle.id), handle.why()):
        assert told.status == "queued"
        assert told.waiting_for[0]["because"] == "retry"
        assert told.model_extra == {"position": 3}


def test_many_jobs_are_meant_by_a_filter_or_by_their_ids(client: Any, service: Service) -> None:
    counts = {"action": "cancel", "dry_run": True, "matched": 7}
    service.canned["POST /v1/actions"] = httpx2.Response(200, json=counts)
    before = datetime(2026, 1, 2, tzinfo=UTC)
    told = client.actions("cancel", status=["waiting"], created_before=before, dry_run=True)
    assert told.model_extra == {"matched": 7}
    assert body(service) == {
        "action": "cancel",
        "dry_run": True,
        "filter": {"status": ["waiting"], "created_before": "2026-01-02T00:00:00Z"},
    }
    client.actions("delete", (name for name in "ab"))
    assert body(service) == {"action": "delete", "dry_run": False, "ids": ["a", "b"]}


def test_an_action_on_nothing_in_particular_is_not_sent(client: Any, service: Service) -> None:
    for which in ({}, {"ids": ["a"], "status": "failed"}):
        with pytest.raises(TypeError, match="either their ids, or a filter"):
            client.actions("delete", **which)
    assert not service.requests


def test_workers_and_queues_are_shown(client: Any, service: Service) -> None:
    worker = {"id": "w1", "queues": ["default"], "slots": 100, "running": 3}
    service.canned["GET /v1/workers"] = httpx2.Response(200, json={"workers": [worker]})
    service.canned["GET /v1/queues"] = httpx2.Response(200, json={"queues": [{"name": "default"}]})
    (seen,) = client.workers()
    assert (seen.id, seen.slots, seen.model_extra) == ("w1", 100, {"running": 3})
    assert [queue.name for queue in client.queues()] == ["default"]


def test_a_worker_is_drained(client: Any, service: Service) -> None:
    service.canned["POST /v1/workers/w1/drain"] = httpx2.Response(202, json={"id": "w1"})
    service.canned["POST /v1/workers/w2/drain"] = problem(404, "not-found", detail="no worker w2")
    client.drain("w1")
    with pytest.raises(Problem, match="404 not-found: no worker w2"):
        client.drain("w2")


def test_times_are_sent_as_the_service_reads_them(client: Any, service: Service) -> None:
    client.submit(
        "t.f",
        {"at": timedelta(minutes=1)},
        run_at=datetime(2026, 1, 2, tzinfo=UTC),
        expires_in_s=timedelta(hours=1),
        soft_timeout_s=2.5,
        retry={"max_attempts": 3, "backoff_s": timedelta(seconds=4)},
        metadata={"lasted_s": timedelta(minutes=1)},
    )
    assert body(service) == {
        "task": "t.f",
        "input": {"at": "PT1M"},
        "run_at": "2026-01-02T00:00:00Z",
        "expires_in_s": 3600,
        "soft_timeout_s": 2.5,
        "retry": {"max_attempts": 3, "backoff_s": 4},
        "metadata": {"lasted_s": "PT1M"},
    }


def test_a_time_without_a_zone_is_not_sent(client: Any, service: Service) -> None:
    naive = datetime(2026, 1, 2)  # noqa: DTZ001 - that is the mistake
    with pytest.raises(InvalidInput, match="/run_at: needs a time zone"):
        client.submit(add, {"x": 1}, run_at=naive)
    (refused,) = client.submit_many([{"task": "t.f", "run_at": naive}])
    assert refused.errors[0]["pointer"] == "/run_at"
    assert not service.requests


def test_a_queue_or_a_task_is_paused_and_resumed(client: Any, service: Service) -> None:
    for path in ("queues/mail/pause", "tasks/mail.send/pause", "queues/mail/resume"):
        service.canned[f"POST /v1/{path}"] = httpx2.Response(200, json={})
    client.pause(queue="mail", why="the server is down")
    assert orjson.loads(service.last.content) == {"why": "the server is down"}
    client.pause(task="mail.send")
    assert service.last.url.path == "/v1/tasks/mail.send/pause"
    client.resume(queue="mail")
    assert service.last.url.path == "/v1/queues/mail/resume"
    with pytest.raises(TypeError, match="either a queue or a task"):
        client.pause(queue="mail", task="mail.send")


def test_cached_results_are_forgotten(client: Any, service: Service) -> None:
    service.canned["POST /v1/cache/invalidate"] = httpx2.Response(200, json={"forgotten": 3})
    assert client.forget_results(task="t.f", input={"x": 1}) == 3
    assert orjson.loads(service.last.content) == {"task": "t.f", "input": {"x": 1}}
