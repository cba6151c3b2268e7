"""What cannot run is refused before anything is stored, with the node and the cause."""

from typing import Any

import pytest

from tests.journeys.service import Service
from tests.journeys.workflows import double, refusal

FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a cycle": (
        {"a": double({"$from": "b"}), "b": double({"$from": "a"})},
        "/nodes/",
        "is a cycle",
    ),
    "itself": ({"a": double(1, after=["a"])}, "/nodes/a", "depends on itself"),
    "an unknown node": ({"a": double(1, after=["b"])}, "/nodes/a", "there is no such node"),
    "an unknown reference": (
        {"a": double({"$from": "b"})},
        "/nodes/a",
        "there is no such node",
    ),
    "an unknown task": ({"a": {"task": "no.such"}}, "/nodes/a/task", "no worker has declared"),
    "a bad reference": (
        {"a": double(1), "b": double({"$from": "a", "path": "no-slash"})},
        "/nodes/b/input/number",
        "is no JSON Pointer",
    ),
    "an item without a list": (
        {"a": double({"$item": ""})},
        "/nodes/a/input/number",
        "only in the input of a node with `foreach`",
    ),
    "an input that does not fit": (
        {"a": double("one")},
        "/nodes/a/input/number",
        "is not of type",
    ),
    "a member that is missing": (
        {"a": double(1), "b": {"task": "try.double", "input": {"seconds": {"$from": "a"}}}},
        "/nodes/b/input",
        "needs 'number'",
    ),
    "a member that is unknown": (
        {"a": double(1), "b": {"task": "try.double", "input": {"number": 1, "no": {"$from": "a"}}}},
        "/nodes/b/input/no",
        "takes no 'no'",
    ),
    "an element that does not fit": (
        {"a": double({"$item": ""}, foreach=[1, "two"])},
        "/nodes/a/foreach/1",
        "is not of type",
    ),
    "a condition that cannot hold": (
        {"a": double(1), "b": double(1, after=["a"], run_if={"succeeded": 2})},
        "/nodes/b/run_if",
        "wants 2 parents to succeed and has 1",
    ),
    "a field that does not exist": ({"a": double(1, colour="red")}, "/nodes/a/colour", "no such"),
    "a field that does not fit": ({"a": double(1, priority=11)}, "/nodes/a/priority", "less than"),
    "a name that is none": ({"a/b": double(1)}, "/nodes/a~1b", "cannot name a node"),
}


@pytest.mark.parametrize(("nodes", "pointer", "why"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_names_its_node_and_its_cause(
    service: Service, nodes: dict[str, Any], pointer: str, why: str
) -> None:
    [fault] = await refusal(service, nodes)
    assert fault["pointer"].startswith(pointer)
    assert why in fault["message"]
    assert "node '" in fault["message"] or pointer == "/nodes/a~1b"


async def test_all_faults_are_told_at_once_also_those_of_hooks(service: Service) -> None:
    nodes = {"a": double("one", on_failure=[{"task": "no.such"}]), "b": {"task": "nor.this"}}
    faults = await refusal(service, nodes, on_success={"task": "try.double", "input": {}}, tags=7)
    assert {fault["pointer"] for fault in faults} == {
        *("/tags", "/nodes/a/input/number", "/nodes/a/on_failure/0/task"),
        *("/nodes/b/task", "/on_success/input"),
    }


async def test_nothing_of_a_refused_workflow_is_stored(service: Service) -> None:
    before = await service.database.nodes.count_documents({})
    await refusal(service, {"a": double(1), "b": double("two")})
    assert await service.database.nodes.count_documents({}) == before


async def test_a_rehearsal_answers_with_the_graph_and_stores_nothing(service: Service) -> None:
    before = await service.database.graphs.count_documents({})
    nodes = {
        "list": {"task": "try.shows", "input": {"what": [1, 2]}},
        "each": double({"$item": ""}, foreach={"$from": "list"}),
        "aside": {"task": "try.steps", "input": {"count": 1}},
        "sum": {"task": "try.shows", "input": {"what": {"$from": "each"}}},
    }
    answer = await service.http.post("/v1/workflows?dry_run=true", json={"nodes": nodes})
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert (plan["total"], plan["sinks"]) == (4, ["aside", "sum"])
    assert plan["nodes"]["sum"]["after"] == ["each"]
    assert plan["nodes"]["each"]["foreach"] is True
    assert plan["order"].index("list") < plan["order"].index("each") < plan["order"].index("sum")
    assert plan["critical_path"]["nodes"][-1] in ("aside", "sum")
    assert await service.database.graphs.count_documents({}) == before
    refused = await service.http.post("/v1/workflows?dry_run=true", json={"nodes": {"a": {}}})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-workflow")


async def test_a_body_that_is_no_workflow_is_refused_by_its_form(service: Service) -> None:
    for content, kind, status in (
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b'{"nodes": 1}', "application/json", 422),
    ):
        answer = await service.http.post(
            "/v1/workflows", content=content, headers={"Content-Type": kind}
        )
        assert answer.status_code == status, (content, answer.text)
