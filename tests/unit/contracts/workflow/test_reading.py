"""What a submitted graph must be, and how a faulty one is told."""

from typing import Any

import pytest

from shared.contracts.workflow.faults import MOST_FAULTS, InvalidWorkflow
from shared.contracts.workflow.names import DEEPEST, MOST_NODES
from shared.contracts.workflow.reading import read_graph

DOCUMENTED = {
    "nodes": {
        "pages": {"task": "http.list", "input": {"url": "..."}},
        "fetch": {
            "task": "http.get",
            "foreach": {"$from": "pages"},
            "input": {"url": {"$item": ""}},
            "max_parallel": 5,
        },
        "report": {"task": "report.pdf", "input": {"rows": {"$from": "fetch"}}},
        "alarm": {
            "task": "email.send",
            "after": ["report"],
            "run_if": "any_failed",
            "input": {"why": {"$error": "report"}},
        },
    },
    "result": {"$from": "report"},
    "on_failure": {"task": "t.tell"},
    "on_success": {"task": "t.cheer", "queue": "mail"},
    "run_at": None,
    "tags": ["acme"],
    "metadata": {},
}


def task(**more: Any) -> dict[str, Any]:
    return {"task": "t.f", **more}


def faults_of(document: Any) -> dict[str, str]:
    with pytest.raises(InvalidWorkflow) as caught:
        read_graph(document)
    return {fault.pointer: fault.message for fault in caught.value.faults}


def test_the_workflow_of_the_documentation_is_read() -> None:
    graph = read_graph(DOCUMENTED)
    pages, fetch, report, alarm = graph.nodes
    assert (fetch.parents, fetch.max_parallel) == (("pages",), 5)
    assert (report.parents, alarm.parents, alarm.needs) == (("fetch",), ("report",), ("report",))
    assert graph.shape.parents == ((), (0,), (1,), (2,))
    assert graph.shape.sinks == (3,)
    assert graph.result == {"$from": "report"}
    assert graph.fields == {"run_at": None, "tags": ["acme"], "metadata": {}}
    assert graph.on_success[0].fields == {"queue": "mail"}
    assert pages.fields is None


def test_one_sink_gives_its_value_and_several_an_object() -> None:
    assert read_graph({"nodes": {"a": task(), "b": task(after=["a"])}}).result == {"$from": "b"}
    several = read_graph({"nodes": {"a": task(), "b": task(), "c": task(after=["b"])}})
    assert several.result == {"a": {"$from": "a"}, "c": {"$from": "c"}}
    assert read_graph({"nodes": {}, "result": []}).result == []


def test_hooks_are_no_sinks_and_no_members() -> None:
    node = task(on_failure=task(input={"why": {"$error": ""}}), on_success=[task(), task()])
    tell = task(after=["a"], hook=True, input={"why": {"$error": ""}})
    graph = read_graph({"nodes": {"a": node, "tell": tell}})
    names = [node.name for node in graph.nodes]
    assert names == ["a", "a:on_success", "a:on_success.1", "a:on_failure", "tell"]
    assert graph.shape.sinks == graph.shape.members == (0,)
    assert graph.nodes[3].needs == ("",)
    assert graph.nodes[3].subject == "a"


@pytest.mark.parametrize(
    ("nodes", "pointer", "said"),
    [
        ({"a": task(after=["a"])}, "/nodes/a", "node 'a' depends on itself"),
        ({"a": task(after=["b"])}, "/nodes/a", "node 'a' depends on 'b', and there is no such"),
        ({"a/b": task()}, "/nodes/a~1b", "cannot name a node"),
        ({"": task()}, "/nodes/", "cannot name a node"),
        ({"a": 3}, "/nodes/a", "node 'a' must be an object"),
        ({"a": {}}, "/nodes/a/task", "node 'a': needs a `task`"),
        ({"a": task(value=1)}, "/nodes/a/value", "has a `value` and so no 'task'"),
        ({"a": task(input=[1])}, "/nodes/a/input", "must be an object"),
        ({"a": task(input={"x": [{"$from": 1}]})}, "/nodes/a/input/x/0", "must name a node"),
        ({"a": task(input={"x": {"$item": ""}})}, "/nodes/a/input/x", "only in the input of"),
        ({"a": task(input={"x": {"$error": ""}})}, "/nodes/a/input/x", "only in a hook"),
        ({"a": task(foreach=3)}, "/nodes/a/foreach", "must be a list or a reference"),
        ({"a": task(foreach=[{"$item": ""}])}, "/nodes/a/foreach/0", "only in the input of"),
        ({"a": task(max_parallel=2)}, "/nodes/a/max_parallel", "goes with `foreach`"),
        (
            {"a": task(foreach=[], max_parallel=0)},
            "/nodes/a/max_parallel",
            "a whole number above 0",
        ),
        ({"a": task(after="b")}, "/nodes/a/after", "must be a list of nodes' names"),
        ({"a": task(run_if="never")}, "/nodes/a/run_if", "must be one of all_succeeded"),
        ({"a": task(run_if="any_failed")}, "/nodes/a/run_if", "it can never run"),
        (
            {"a": task(), "b": task(after=["a"], run_if={"succeeded": 2})},
            "/nodes/b/run_if",
            "has 1",
        ),
        ({"a": task(tolerate=1)}, "/nodes/a/tolerate", "must be true or false"),
        ({"a": task(on_failure=[3])}, "/nodes/a/on_failure/0", "must be an object with a `task`"),
        ({"a": task(on_failure={})}, "/nodes/a/on_failure/task", "needs a `task`"),
        (
            {"a": task(on_success=task(run_if="all_done"))},
            "/nodes/a/on_success/run_if",
            "a hook has no 'run_if'",
        ),
        (
            {"a": task(on_success=task(input={"x": {"$from": "b"}})), "b": task()},
            "/nodes/a/on_success/input",
            "may refer to 'a' only, not to 'b'",
        ),
        ({"h": task(hook=True), "a": task(after=["h"])}, "/nodes/a", "which is a hook"),
    ],
)
def test_a_fault_names_the_node_and_the_cause(
    nodes: dict[str, Any], pointer: str, said: str
) -> None:
    faults = faults_of({"nodes": nodes})
    assert said in faults[pointer]
    assert len(faults) == 1


@pytest.mark.parametrize(
    ("document", "pointer", "said"),
    [
        ([], "", "a workflow is an object"),
        ({}, "/nodes", "`nodes` must be an object"),
        ({"nodes": {}}, "/nodes", "needs a `result`"),
        ({"nodes": {"a": task()}, "result": {"$from": "b"}}, "/result", "there is no node 'b'"),
        ({"nodes": {"a": task()}, "result": [{"$item": ""}]}, "/result/0", "`foreach`"),
        ({"nodes": {"a": task()}, "on_failure": 3}, "/on_failure", "must be an object"),
        (
            {"nodes": {"a": task()}, "on_failure": task(input={"x": {"$from": "b"}})},
            "/on_failure",
            "there is no such node",
        ),
    ],
)
def test_so_does_one_of_the_whole(document: Any, pointer: str, said: str) -> None:
    assert said in faults_of(document)[pointer]


def test_a_cycle_is_shown_in_the_direction_of_the_work() -> None:
    nodes = {
        "start": task(),
        "a": task(input={"x": {"$from": "c"}}, after=["start"]),
        "b": task(input={"x": {"$from": "a"}}),
        "c": task(after=["b"]),
        "behind": task(after=["c"]),
    }
    (said,) = faults_of({"nodes": nodes}).values()
    ways = ["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"]
    assert any(way in said for way in ways)
    assert "behind" not in said


def test_all_faults_are_told_up_to_a_number() -> None:
    assert len(faults_of({"nodes": {f"n{i}": {} for i in range(20)}})) == 20
    many = faults_of({"nodes": {f"n{i}": {} for i in range(200)}})
    assert len(many) == MOST_FAULTS


def chain(length: int) -> dict[str, Any]:
    names = [f"n{i}" for i in range(length)]
    befores = [None, *names[:-1]]
    return {
        name: task(input={"x": {"$from": before}} if before else {})
        for name, before in reversed(list(zip(names, befores, strict=True)))
    }


def test_a_chain_may_be_as_deep_as_promised_and_no_deeper() -> None:
    assert len(read_graph({"nodes": chain(DEEPEST)}).nodes) == DEEPEST
    (said,) = faults_of({"nodes": chain(DEEPEST + 1)}).values()
    assert said.startswith("node 'n1000' stands 1001 deep; ")


def test_a_workflow_may_be_as_wide_as_promised_and_no_wider() -> None:
    nodes = {f"n{i}": task() for i in range(MOST_NODES - 1)}
    join = task(input={"xs": [{"$from": name} for name in nodes]})
    graph = read_graph({"nodes": {**nodes, "join": join}})
    assert len(graph.shape.parents[-1]) == MOST_NODES - 1
    over = {**nodes, "one": task(), "more": task()}
    assert "100001 nodes are more than 100000" in faults_of({"nodes": over})["/nodes"]
