"""Both clients, held to the same promises against a service at their transport."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from tests.unit.warren.sample_tasks import add
from tests.unit.warren.service import Service, problem
from warren import (
    InvalidInput,
    JobFailed,
    JobTimeout,
    JobView,
    NotFinished,
    Problem,
    Unreachable,
)

ERROR = {"type": "KeyError", "message": "'page'", "retryable": True, "attempt": 2}


def test_a_job_is_handed_in_with_its_fields(client: Any, service: Service) -> None:
    handle = client.submit("math.add", {"x": 1}, queue="bulk", tags=["a"])
    assert handle.id == "job-0001"
    assert json.loads(service.last.content) == {
        "task": "math.add",
        "input": {"x": 1},
        "queue": "bulk",
        "tags": ["a"],
    }
    assert service.last.headers["authorization"] == "Bearer secret"
    assert service.last.headers["content-type"] == "application/json"
    assert "prefer" not in service.last.headers


def test_a_task_at_hand_gives_its_name_and_checks_the_input(client: Any, service: Service) -> None:
    client.submit(add, {"x": 1})
    assert json.loads(service.last.content)["task"] == "sample_tasks.add"
    with pytest.raises(InvalidInput, match="/x"):
        client.submit(add, {"x": "1"})
    assert len(service.requests) == 1


def test_the_input_may_hold_what_json_writes_as_text(client: Any, service: Service) -> None:
    client.submit("t.f", {"at": datetime(2026, 1, 2, tzinfo=UTC)})
    assert json.loads(service.last.content)["input"] == {"at": "2026-01-02T00:00:00Z"}


def test_submit_can_wait_for_the_end(client: Any, service: Service) -> None:
    client.submit("t.f", wait=7)
    assert service.last.headers["prefer"] == "wait=7"
    assert service.last.extensions["timeout"]["read"] > 7


def test_each_submission_has_a_key_of_its_own_unless_given(client: Any, service: Service) -> None:
    first, second = client.submit("t.f"), client.submit("t.f")
    assert first.id != second.id
    client.submit("t.f", idempotency_key="order-7")
    assert service.last.headers["idempotency-key"] == "order-7"


@pytest.mark.parametrize(
    "trouble",
    [
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("cut"),
        problem(503, "shutting-down", retry_after=0),
        problem(429, "queue-full", retry_after=0),
        httpx2.Response(502, content=b"<html>bad gateway"),
        problem(409, "idempotency-in-progress"),
    ],
    ids=lambda trouble: getattr(trouble, "status_code", type(trouble).__name__),
)
def test_passing_trouble_is_waited_out_and_makes_no_second_job(
    client: Any, service: Service, trouble: Any
) -> None:
    service.trouble.append(trouble)
    service.after_doing.append(trouble)
    handle = client.submit("t.f")
    assert list(service.jobs) == [handle.id]
    keys = {request.headers["idempotency-key"] for request in service.requests}
    assert (len(service.requests), len(keys)) == (3, 1)


def test_a_service_that_stays_away_is_unreachable(open_client: Callable[..., Any]) -> None:
    service = Service()
    service.trouble.extend(httpx2.ConnectError("refused") for _ in range(50))
    client = open_client("http://warren.test", patience_s=0.3, transport=service.transport)
    with pytest.raises(Unreachable, match=r"no answer from http://warren\.test .*WARREN_URL"):
        client.get("1")
    assert 1 < len(service.requests) < 50


def test_a_pause_longer_than_our_patience_is_told_at_once(client: Any, service: Service) -> None:
    service.trouble.append(problem(429, "queue-full", detail="full", retry_after=3600))
    with pytest.raises(Problem, match="429 queue-full: full"):
        client.submit("t.f")
    assert len(service.requests) == 1


def test_a_problem_is_raised_with_all_its_parts(client: Any, service: Service) -> None:
    faults = [{"pointer": "/x", "message": "is odd"}]
    service.trouble.append(problem(422, "invalid-input", detail="no", errors=faults))
    with pytest.raises(Problem) as caught:
        client.submit("t.f", {"x": 1})
    told = caught.value
    assert (told.status, told.slug, told.type) == (422, "invalid-input", "/problems/invalid-input")
    assert (told.title, told.detail, told.errors) == ("invalid-input", "no", faults)
    assert str(told) == "422 invalid-input: no (/x: is odd)"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": 3, "type": null}'])
def test_an_error_that_is_no_problem_still_is_one(
    client: Any, service: Service, body: bytes
) -> None:
    service.trouble.append(httpx2.Response(500, content=body))
    with pytest.raises(Problem) as caught:
        client.get("1")
    assert (caught.value.status, caught.value.title) == (500, "Internal Server Error")


def test_an_answer_that_is_not_the_services_is_unreachable(client: Any, service: Service) -> None:
    service.trouble.append(httpx2.Response(200, content=b"<html>welcome"))
    with pytest.raises(Unreachable, match="not the job service's JSON"):
        client.get("1")


def test_a_job_has_types(client: Any, service: Service) -> None:
    service.add(id="7", created_at="2026-01-02T03:04:05Z", error=ERROR, from_the_future={"a": 1})
    job = client.get("7")
    assert isinstance(job, JobView)
    assert job.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert job.error is not None
    assert job.error.type == "KeyError"
    assert job.model_extra == {"from_the_future": {"a": 1}}


def test_an_id_cannot_leave_its_place_in_the_path(client: Any, service: Service) -> None:
    with pytest.raises(Problem, match="404"):
        client.get("../queues?x#y")
    assert service.last.url.raw_path == b"/v1/jobs/..%2Fqueues%3Fx%23y"
    with pytest.raises(ValueError, match="empty"):
        client.get("")


def test_waiting_asks_again_until_the_end(client: Any, service: Service) -> None:
    job = service.add()
    service.end_after = 3
    assert client.wait(job["id"]).result == 42
    assert len(service.requests) == 3
    assert service.last.headers["prefer"] == "wait=30"


def test_waiting_ends_when_the_time_is_up(client: Any, service: Service) -> None:
    job = service.add()
    with pytest.raises(JobTimeout, match=r"has not ended within 0\.3 s; it goes on"):
        client.wait(job["id"], timeout=0.3)
    with pytest.raises(TimeoutError):
        client.wait(job["id"], timeout=0)


def test_a_handle_gives_the_result(client: Any, service: Service) -> None:
    handle = client.submit("t.f")
    assert handle.status == "queued"
    service.end(handle.id, result={"a": 1})
    assert handle.status == "succeeded"
    assert handle.get(timeout=1) == {"a": 1}
    asked = len(service.requests)
    assert (handle.status, handle.get()) == ("succeeded", {"a": 1})
    assert len(service.requests) == asked, "an end is final: nobody needs to ask again"


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired", "skipped"])
def test_a_handle_of_a_job_without_result_raises(
    client: Any, service: Service, status: str
) -> None:
    handle = client.submit("t.f")
    service.end(handle.id, status, error=ERROR)
    with pytest.raises(JobFailed, match=rf"job-0001 \(t\.f\) {status}: KeyError: 'page'") as caught:
        handle.get()
    assert caught.value.job.attempt == 0
    assert caught.value.error is not None
    assert caught.value.error.attempt == 2


def test_a_handle_can_be_had_for_an_id(client: Any, service: Service) -> None:
    service.add(id="7", status="succeeded", result=1)
    assert client.handle("7").get() == 1


def test_a_bare_result_can_be_read(client: Any, service: Service) -> None:
    job = service.add()
    with pytest.raises(NotFinished, match="has no result yet"):
        client.result(job["id"])
    service.end(job["id"], result=[1])
    assert client.result(job["id"]) == [1]


def test_the_result_of_a_failed_job_is_its_error(client: Any, service: Service) -> None:
    service.add(id="7", status="failed", error=ERROR)
    with pytest.raises(JobFailed, match="KeyError: 'page'"):
        client.result("7")


def test_a_list_goes_through_all_pages(client: Any, service: Service) -> None:
    ids = [service.add()["id"] for _ in range(5)]
    service.add(task="other")
    assert [job.id for job in client.list(task="t.f")] == ids
    assert len(service.requests) == 3


def test_filters_travel_as_the_service_reads_them(client: Any, service: Service) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    assert not list(client.list(status=["failed", "expired"], created_after=at, q=None, task="-"))
    assert service.last.url.params.multi_items() == [
        ("status", "failed"),
        ("status", "expired"),
        ("created_after", "2026-01-02T00:00:00Z"),
        ("task", "-"),
    ]


def test_many_jobs_are_handed_in_at_once_each_with_its_own_fate(
    client: Any, service: Service
) -> None:
    outcomes = client.submit_many(
        [
            {"task": "t.f", "input": {"x": 1}, "queue": "bulk"},
            {"task": "unknown"},
            {"task": add, "input": {"x": "1"}},
            {"task": add, "input": {"x": 2}},
        ],
        idempotency_key="monday",
    )
    first, unknown, invalid, last = outcomes
    assert (first.id, last.id) == ("job-0001", "job-0002")
    assert service.jobs["job-0001"]["queue"] == "bulk"
    assert service.jobs["job-0002"]["task"] == "sample_tasks.add"
    assert (unknown.status, unknown.slug) == (404, "unknown-task")
    assert (invalid.status, invalid.slug) == (422, "invalid-input")
    assert invalid.errors[0]["pointer"] == "/x"
    assert service.last.headers["content-type"] == "application/jsonl"
    assert service.last.headers["idempotency-key"] == "monday/0"


def test_very_many_jobs_travel_in_requests_of_bounded_size(client: Any, service: Service) -> None:
    small = [{"task": "t.f", "input": {"n": n}} for n in range(1500)]
    large = [{"task": "t.f", "input": {"x": "x" * 300_000}} for _ in range(3)]
    handles = client.submit_many([*small, *large])
    assert [service.jobs[handle.id]["input"] for handle in handles[:1500]] == [
        submission["input"] for submission in small
    ]
    assert len(service.requests) == 4
    assert max(len(request.content) for request in service.requests) < 1024 * 1024
    assert len({request.headers["idempotency-key"] for request in service.requests}) == 4


def test_nothing_to_hand_in_asks_nobody(client: Any, service: Service) -> None:
    assert client.submit_many([]) == []
    assert not service.requests
