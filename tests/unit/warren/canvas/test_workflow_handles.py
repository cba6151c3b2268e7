"""A workflow that is handed in, and asked about later; by both clients alike."""

import json
import pickle
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.unit.warren.canvas.sums import add, identity, total
from tests.unit.warren.service import problem
from warren import Problem
from warren.canvas import chord
from warren.canvas.failures import WorkflowFailed, WorkflowTimeout
from warren.canvas.views import WorkflowView

NODES = {
    "add": {"id": "job-1", "status": "succeeded", "task": "sums.add"},
    "total": {"id": "job-2", "status": "queued", "counts": {"queued": 3}},
}


class Workflows:
    """Answers as the gateway does for workflows; each ends after so many reads."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.end: dict[str, Any] = {"status": "succeeded", "result": [1, 2]}
        self.reads_to_the_end = 2
        self.by_key: dict[str, str] = {}

    @property
    def last(self) -> httpx2.Request:
        return self.requests[-1]

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._answer)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        path = request.url.path
        if path == "/v1/jobs/job-1":
            job = {
                "id": "job-1",
                "task": "sums.add",
                "status": "succeeded",
                "done": True,
                "result": 5,
            }
            return httpx2.Response(200, json=job)
        if request.method == "POST" and path == "/v1/workflows":
            return self._submitted(request)
        if path.endswith("/cancel"):
            self.reads_to_the_end, self.end = 0, {"status": "cancelled"}
        if path.endswith("/retry"):
            self.reads_to_the_end = 1
        if path.endswith("/unknown"):
            return problem(404, "not-found", detail="there is no workflow unknown")
        self.reads_to_the_end -= 1
        return httpx2.Response(200, json=self._view(path.split("/")[3]))

    def _submitted(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.params.get("dry_run") == "true":
            return httpx2.Response(200, json={"critical_path": {"nodes": ["add"], "seconds": 1}})
        document = json.loads(request.content)
        if not document["nodes"]:
            errors = [{"pointer": "/nodes", "message": "needs a `result`"}]
            return problem(422, "invalid-workflow", errors=errors)
        id = self.by_key.setdefault(request.headers["idempotency-key"], f"w{len(self.by_key)}")
        return httpx2.Response(202, json=self._view(id))

    def _view(self, id: str) -> dict[str, Any]:
        done = self.reads_to_the_end <= 0
        state = {"done": True, **self.end} if done else {"status": "running", "done": False}
        return {"id": id, "nodes": NODES, "counts": {"queued": 3}, **state}


@pytest.fixture
def service() -> Workflows:
    return Workflows()


@pytest.fixture
def workflows(open_client: Callable[..., Any], service: Workflows) -> Any:
    client = open_client("http://warren.test", patience_s=2, transport=service.transport)
    return client.workflows


SUM = chord([add.s(1, 1), add.s(2, 2)], total.s())


def test_a_signature_is_handed_in_as_its_document(workflows: Any, service: Workflows) -> None:
    handle = workflows.submit(SUM, idempotency_key="k", wait=3)
    assert json.loads(service.last.content) == SUM.document()
    assert service.last.headers["idempotency-key"] == "k"
    assert service.last.headers["prefer"] == "wait=3"
    assert handle.workflow.counts == {"queued": 3}
    assert workflows.submit(SUM.document(), idempotency_key="k").id == handle.id


def test_its_result_is_waited_for(workflows: Any, service: Workflows) -> None:
    handle = workflows.submit(SUM)
    assert handle.status == "running"
    assert handle.get(timeout=5) == [1, 2]
    asked = len(service.requests)
    assert handle.get() == [1, 2]
    assert handle.status == "succeeded"
    assert len(service.requests) == asked


def test_a_failure_names_the_node(workflows: Any, service: Workflows) -> None:
    error = {"type": "ValueError", "message": "no", "node": "add-2", "job_id": "7", "attempts": 3}
    service.end = {"status": "failed", "error": error}
    with pytest.raises(WorkflowFailed, match="w0 failed: node add-2: ValueError: no") as caught:
        workflows.submit(SUM).get(timeout=5)
    assert caught.value.error is not None
    assert caught.value.error.attempts == 3
    service.end = {"status": "cancelled"}
    with pytest.raises(WorkflowFailed, match="w1 cancelled: no error was recorded"):
        workflows.submit(SUM).get(timeout=5)


def test_waiting_has_an_end_and_the_workflow_goes_on(workflows: Any, service: Workflows) -> None:
    service.reads_to_the_end = 10_000
    handle = workflows.submit(SUM)
    with pytest.raises(WorkflowTimeout, match="w0 has not ended"):
        handle.get(timeout=0.1)
    with pytest.raises(TimeoutError):
        handle.wait(timeout=0)


def test_the_result_of_any_node_can_be_read(workflows: Any) -> None:
    handle = workflows.handle("w0")
    assert handle.node("add").get(timeout=5) == 5
    with pytest.raises(KeyError, match="workflow w0 has no node 'sub'; it has add, total"):
        handle.node("sub")


def test_it_can_be_cancelled_and_retried(workflows: Any, service: Workflows) -> None:
    handle = workflows.submit(SUM)
    assert handle.cancel().status == "cancelled"
    assert service.last.url.path == "/v1/workflows/w0/cancel"
    service.end = {"status": "succeeded", "result": 7}
    assert handle.retry().id == "w0"
    assert handle.get(timeout=5) == 7


def test_it_can_be_checked_without_being_run(workflows: Any, service: Workflows) -> None:
    assert workflows.check(SUM)["critical_path"]["nodes"] == ["add"]
    assert service.last.url.params["dry_run"] == "true"


def test_refusals_are_problems(workflows: Any) -> None:
    with pytest.raises(Problem, match="invalid-workflow"):
        workflows.submit({"nodes": {}})
    with pytest.raises(Problem, match="not-found"):
        workflows.get("unknown")


def test_what_the_service_may_add_is_kept() -> None:
    told = {
        "id": "1",
        "status": "running",
        "new": 1,
        "nodes": {"a": {"id": "2", "status": "x", "y": 3}},
    }
    view = WorkflowView.model_validate(told)
    assert view.model_extra == {"new": 1}
    assert view.nodes["a"].model_extra == {"y": 3}


def test_failures_survive_pickling() -> None:
    view = WorkflowView(id="1", status="failed")
    failed = pickle.loads(pickle.dumps(WorkflowFailed(view)))
    assert failed.workflow == view
    assert str(pickle.loads(pickle.dumps(WorkflowTimeout("1", 2)))) == str(WorkflowTimeout("1", 2))


def test_fields_of_a_submission_may_stand_among_the_arguments() -> None:
    document, extras = identity.s()._split((4,), {"tags": ["a"], "wait": 3, "queue": "bulk"})
    assert document["tags"] == ["a"]
    assert document["nodes"]["identity"]["queue"] == "bulk"
    assert document["nodes"]["identity"]["input"] == {"x": 4}
    assert extras == {"wait": 3}
