"""Graphs of jobs over HTTP: references, order, conditions, joins, and how the whole ends."""

from typing import Any

from tests.eventually import eventually
from tests.journeys.service import Service

DOUBLE = "try.double"


async def workflow(
    service: Service, nodes: dict[str, Any], *, within: float = 20, **fields: Any
) -> dict[str, Any]:
    """Submit a workflow and return it once it has ended."""
    answer = await service.http.post(
        "/v1/workflows",
        json={"nodes": nodes, **fields},
        headers={"Prefer": f"wait={within:g}"},
        timeout=within + 10,
    )
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


def double(number: Any, **fields: Any) -> dict[str, Any]:
    """Return a node that doubles a number."""
    return {"task": DOUBLE, "input": {"number": number}, **fields}


async def test_a_node_takes_the_result_of_another(service: Service) -> None:
    ended = await workflow(service, {"a": double(1), "b": double({"$from": "a"})})
    assert (ended["status"], ended["result"], ended["error"]) == ("succeeded", 4, None)
    assert ended["counts"]["succeeded"] == ended["total"] == 2
    assert {name: node["status"] for name, node in ended["nodes"].items()} == {
        "a": "succeeded",
        "b": "succeeded",
    }
    assert ended["nodes"]["b"]["after"] == ["a"]


async def test_what_cannot_run_is_refused_with_the_node_and_the_cause(service: Service) -> None:
    nodes = {"a": double(1, after=["b"]), "b": double(1, after=["nobody"])}
    answer = await service.http.post("/v1/workflows", json={"nodes": nodes})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "/problems/invalid-workflow"
    assert problem["errors"] == [
        {
            "pointer": "/nodes/b",
            "message": "node 'b' depends on 'nobody', and there is no such node",
        }
    ]


async def test_cancelling_ends_what_waits_and_asks_what_runs_to_stop(service: Service) -> None:
    nodes = {"slow": {"task": "try.listens"}, "after": double(1, after=["slow"])}
    workflow_id = (await service.http.post("/v1/workflows", json={"nodes": nodes})).json()["id"]

    async def slow_runs() -> bool:
        view = (await service.http.get(f"/v1/workflows/{workflow_id}")).json()
        return bool(view["nodes"]["slow"]["status"] == "running")

    await eventually(slow_runs, within=10)
    answer = await service.http.post(
        f"/v1/workflows/{workflow_id}/cancel", headers={"Prefer": "wait=10"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "cancelled"
    assert answer.json()["counts"]["cancelled"] == 2
