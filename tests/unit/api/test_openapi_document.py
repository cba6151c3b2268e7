"""The OpenAPI document says what is served: typed, complete, and no more often than needed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
import orjson
import pytest
from starlette.testclient import TestClient

from api.contract.components import schemas
from api.contract.document import Contract, Printed
from api.contract.hoisting import hoist
from api.timeline import timeline
from api.views import job_view, to_json
from shared.contracts.attempt import Claim, Failure, Progress
from shared.contracts.catalogue import TaskEntry
from shared.contracts.job import Job
from shared.contracts.moves import Status
from tests.unit.api.rehearsed_gateway import ADD, TREE, Declared, rehearsed_app

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
SOON = NOW + timedelta(seconds=5)
QUEUED = Job(
    id="0199f3a2-7c41-7d0e-9b3a-5f6d2c8e1a47", task="math.add", queue="math", created_at=NOW
)
RUNNING = QUEUED.claimed(by=Claim(token="t", worker="w"), at=NOW)
WHY = Failure(type="ValueError", message="no", retryable=True, attempt=1, traceback="...")
JOBS = {
    "queued": QUEUED,
    "running": replace(RUNNING, progress=Progress(current=1, total=2.5, message="half")),
    "handed back": RUNNING.handed_back(at=NOW),
    "waiting": replace(QUEUED, status=Status.WAITING, run_at=SOON, due_at=SOON, because="schedule"),
    "retrying": RUNNING.tried_in_vain(error=WHY, delay=SOON - NOW, at=NOW),
    "snoozed": RUNNING.snoozed(delay=SOON - NOW, at=NOW),
    "asked to stop": replace(RUNNING, cancel_asked_at=NOW),
    "cancelled": QUEUED.cancelled(at=NOW),
    "expired": QUEUED.expired(at=NOW),
    "run again": RUNNING.failed(error=WHY, at=NOW).again(at=SOON),
    "succeeded": RUNNING.succeeded(result='{"a":1}', at=NOW),
    "failed": RUNNING.failed(error=WHY, at=NOW),
}


@pytest.fixture
def declared() -> Declared:
    return Declared(ADD, TREE)


@pytest.fixture
def gateway(declared: Declared) -> Iterator[TestClient]:
    with TestClient(rehearsed_app(declared)) as client:
        yield client


@pytest.fixture
def document(gateway: TestClient) -> Any:
    return gateway.get("/openapi.json").json()


def test_every_task_has_an_operation_of_its_own(document: Any) -> None:
    operation = document["paths"]["/v1/tasks/math.add/jobs"]["post"]
    assert operation["operationId"] == "submit_math_add"
    assert operation["summary"] == "Add two integers."
    assert operation["tags"] == ["math.*"]
    body = operation["requestBody"]["content"]["application/json"]
    integer = {"type": "integer", "format": "int64"}
    properties = {"x": integer, "y": integer}
    assert resolved(document, body["schema"]) == ADD.input_schema | {"properties": properties}
    assert [each["value"] for each in body["examples"].values()] == list(ADD.examples)


def test_options_of_a_typed_operation_are_query_parameters(document: Any) -> None:
    operation = document["paths"]["/v1/tasks/math.add/jobs"]["post"]
    options = {each["name"] for each in operation["parameters"] if each.get("in") == "query"}
    retry = {"max_attempts", "backoff_s", "factor", "max_backoff_s", "jitter"}
    assert options == {
        *("queue", "priority", "timeout_s", "soft_timeout_s", "tags"),
        *("run_at", "delay_s", "expires_at", "expires_in_s"),
        *("key", "key_limit", "when_busy", "key_max_waiting"),
        *(f"retry.{member}" for member in retry),
        *("cache.ttl_s", "cache.key", "cache.stale_s", "cache.failures"),
        *("unique.for", "unique.by", "unique.replace", "debounce_s", "debounce_max_s"),
    }


def test_a_form_that_is_left_empty_asks_for_nothing(document: Any) -> None:
    operation = document["paths"]["/v1/tasks/math.add/jobs"]["post"]
    for each in operation["parameters"]:
        assert "default" not in each.get("schema", {}), f"a form would send {each['name']}"


def test_the_answer_of_a_typed_operation_knows_the_result(document: Any) -> None:
    typed = document["components"]["schemas"]["math.add.job"]
    job = job_view(QUEUED) | {"input": {"x": 1, "y": 2}, "metadata": {}}
    validator = jsonschema_rs.validator_for(typed | {"components": document["components"]})
    assert validator.is_valid(orjson.loads(to_json(job | {"result": 3})))
    assert not validator.is_valid(orjson.loads(to_json(job | {"result": "three"})))


def test_every_reference_leads_somewhere(document: Any) -> None:
    references = list(references_in(document["paths"])) + list(
        references_in(document["components"])
    )
    assert references
    for reference in references:
        assert resolved(document, {"$ref": reference}) is not None


def test_every_operation_has_a_name_of_its_own(document: Any) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_refusals_are_problems_everywhere(document: Any) -> None:
    assert "HTTPValidationError" not in orjson.dumps(document).decode()
    for path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and path != "/healthz/ready":
                assert list(answer["content"]) == ["application/problem+json"], (path, status)


def test_a_bearer_key_is_asked_for_only_if_keys_are_on(document: Any, declared: Declared) -> None:
    assert {} in document["security"]
    with TestClient(rehearsed_app(declared, keys_needed=True)) as client:
        assert client.get("/openapi.json").json()["security"] == [{"bearer": []}]
    assert document["paths"]["/healthz/live"]["get"]["security"] == []


def test_a_document_that_the_caller_has_is_not_sent_again(gateway: TestClient) -> None:
    first = gateway.get("/openapi.json")
    again = gateway.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_document_changes_with_the_catalogue_and_is_made_only_then() -> None:
    made: list[int] = []

    def routes() -> Any:
        made.append(1)
        return {"info": {}, "paths": {}}

    def printed(revision: int, *entries: TaskEntry) -> Printed:
        return contract.printed(lambda: entries, revision=revision, keys_needed=False)

    contract = Contract(routes)
    first, again, changed = printed(1, ADD), printed(1, ADD), printed(2, ADD, TREE)
    assert again is first
    assert len(made) == 2
    assert changed.etag != first.etag
    assert "/v1/tasks/tree.depth/jobs" in orjson.loads(changed.body)["paths"]


def test_a_task_that_runs_in_a_thread_offers_no_hard_limit(document: Any) -> None:
    parameters = document["paths"]["/v1/tasks/tree.depth/jobs"]["post"]["parameters"]
    assert "timeout_s" not in {each.get("name") for each in parameters}


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS.keys())
def test_a_job_has_the_members_of_the_document_and_no_others(job: Job) -> None:
    shown = orjson.loads(to_json(job_view(job)))
    assert set(shown) == set(schemas()["Job"]["properties"])
    validator("Job").validate(shown)


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS.keys())
def test_a_timeline_is_as_the_document_says(job: Job) -> None:
    validator("Timeline").validate(orjson.loads(to_json({"events": timeline(job)})))


def test_a_refusal_is_as_the_document_says(gateway: TestClient) -> None:
    refused = gateway.post("/v1/tasks/math.add/jobs?priority=high", json={"x": 1})
    assert refused.status_code == 422
    validator("Problem").validate(refused.json())
    assert refused.json()["errors"][0]["pointer"] == "/priority"


def test_definitions_become_components_and_data_stays_data() -> None:
    lifted = hoist(TREE.input_schema, "tree")
    node = lifted["tree.Node"]
    assert lifted["tree"]["properties"]["root"]["$ref"] == "#/components/schemas/tree.Node"
    assert node["properties"]["left"]["$ref"] == "#/components/schemas/tree.Node"
    assert node["properties"]["$ref"] == {"type": "string"}  # a member that only looks like one
    assert node["default"] == {"$ref": "#/$defs/Node"}  # data


def test_references_into_the_schema_itself_follow_it() -> None:
    schema = {"properties": {"a": {"type": "string"}, "b": {"$ref": "#/properties/a"}}}
    assert hoist(schema, "t.in")["t.in"]["properties"]["b"] == {
        "$ref": "#/components/schemas/t.in/properties/a"
    }


def validator(name: str) -> Any:
    return jsonschema_rs.validator_for(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas()}},
        validate_formats=True,
    )


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def references_in(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from references_in(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            elif key not in ("default", "examples", "example"):
                yield from references_in(value)


def resolved(document: Any, schema: Any) -> Any:
    found = document
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found
