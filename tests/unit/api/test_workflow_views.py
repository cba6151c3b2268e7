"""Views of workflows hold to what the documents say of them."""

from typing import Any

import jsonschema_rs
import orjson
import pytest

from api.contract.components import schemas
from api.views import to_json
from api.workflows.views import (
    MOST_NODES_SHOWN,
    new_view,
    node_view,
    plan_view,
    status_of,
    summary,
    whole_view,
)
from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.workflow.graph import Node
from shared.contracts.workflow.growth import Plot
from shared.contracts.workflow.reading import read_graph
from shared.infrastructure.workflow.overview import Place
from shared.infrastructure.workflow.plans import Plan, plan_of
from tests.builders import LATER, NOON

GRAPH = {
    "nodes": {
        "a": {"task": "t.a", "input": {"x": 1}},
        "each": {"task": "t.b", "foreach": {"$from": "a"}, "input": {"x": {"$item": ""}}},
        "both": {"value": [{"$from": "a"}, {"$from": "each"}]},
        "late": {
            "task": "t.c",
            "after": ["both", "a"],
            "run_if": {"succeeded": 1},
            "on_failure": {"task": "t.h"},
        },
    }
}
CAUSE = {"node": "a", "job_id": "1", "type": "ValueError", "message": "no", "attempts": 1}


def a_plan(graph: dict[str, Any] = GRAPH) -> Plan:
    def job_of(node: Node, job_id: str) -> Job:
        return Job(id=job_id, task=node.task or "", queue="default", created_at=NOON)

    seed = new_id(NOON)
    return plan_of(read_graph(graph), workflow_id=seed, plot=Plot(seed), job_of=job_of, now=NOON)


def holds(view: Any, shape: str) -> None:
    """Hold a view to its schema."""
    checked = jsonschema_rs.validator_for(
        {"$ref": f"#/components/schemas/{shape}", "components": {"schemas": schemas()}},
        validate_formats=True,
    )
    checked.validate(orjson.loads(to_json(view)))


def test_a_new_workflow_is_shown_as_it_was_stored() -> None:
    plan = a_plan()
    view = new_view(plan)
    holds(view, "Workflow")
    assert (view["status"], view["total"], view["open"]) == ("running", 5, 4)
    assert view["counts"]["waiting"] == 5
    assert view["nodes"]["late"]["after"] == ["both", "a"]
    assert view["nodes"]["late"]["run_if"] == {"succeeded": 1}
    assert view["nodes"]["late:on_failure"]["hook"] is True
    assert [row.id for row in plan.rows] == [node["id"] for node in view["nodes"].values()]


def test_the_nodes_of_a_large_one_are_left_out() -> None:
    nodes = {f"n{i}": {"task": "t.a"} for i in range(MOST_NODES_SHOWN + 1)}
    view = new_view(a_plan({"nodes": nodes}))
    assert (view["nodes"], view["nodes_left_out"]) == ({}, True)
    assert view["counts"]["waiting"] == view["total"] == MOST_NODES_SHOWN + 1


@pytest.mark.parametrize("status", ["running", "succeeded", "failed", "cancelled"])
def test_a_workflow_in_any_status_is_as_described(status: str) -> None:
    graph = a_plan().document | {"status": status, "open": [1], "finished_at": LATER}
    whole = summary(graph | {"cause": CAUSE, "cancel_at": LATER, "run_at": NOON, "run": 2})
    holds({"workflows": [whole], "next_page_token": None}, "WorkflowPage")
    assert whole["done"] == (status != "running")
    hook = {"node": ":on_failure", "task": "t", "id": new_id(NOON), "status": "queued"}
    holds(whole_view(whole, {}, {}, result=[1], hooks=[hook]), "Workflow")


def test_a_node_is_where_its_job_is_once_it_has_started() -> None:
    started = {"state": "started"}
    assert status_of(started, {"status": "queued"}) == "queued"
    assert status_of(started, None) == "running"  # a list
    assert status_of({"state": "waiting"}, None) == "waiting"
    assert status_of({"state": "ended", "status": "skipped"}, None) == "skipped"


def test_a_list_tells_how_many_of_it_have_ended() -> None:
    [_, row, *_] = a_plan().rows
    document: dict[str, Any] = {
        "_id": row.id,
        "graph": row.graph,
        "n": 1,
        "path": "each",
        "of": [0],
        "task": "t.b",
        "foreach": True,
        "state": "started",
        "elements": {"total": 5, "open": [0b11000], "good": [0b00011], "failed": [0b00100]},
    }
    view = node_view(document, None, {Place(row.graph, 0): "a"})
    holds({"nodes": {"each": view}, "next_page_token": "x"}, "NodePage")
    assert view["counts"] == {"total": 5, "open": 2, "succeeded": 2, "failed": 1}
    assert (view["status"], view["after"]) == ("running", ["a"])


def test_a_rehearsal_shows_the_order_and_the_longest_way() -> None:
    plan = plan_view(read_graph(GRAPH), {"t.a": 2.0, "t.b": 3.0})
    holds(plan, "WorkflowPlan")
    assert plan["order"][:3] == ["a", "each", "both"]
    assert plan["critical_path"] == {
        "nodes": ["a", "each", "both", "late"],
        "seconds": 6.0,
        "unknown_tasks": ["t.c", "t.h"],
    }
    assert plan["sinks"] == ["late"]
