"""Graphs come to stand in the store so that no repetition adds anything."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.ids import instant_of, is_id, new_id
from shared.contracts.workflow.critical_path import critical_path
from shared.contracts.workflow.faults import EmptyReplacement, TooDeep
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.growth import (
    Plot,
    hook_id,
    labels_under,
    planted,
    replacement_plot,
    spawn_plot,
)
from shared.contracts.workflow.names import node_id
from shared.contracts.workflow.reading import read_graph
from shared.contracts.workflow.run_if import Parents

AT = datetime(2026, 1, 1, tzinfo=UTC)
JOB = new_id(AT)


def graph_of(**nodes: dict[str, Any]) -> Graph:
    return read_graph({"nodes": {name: {"task": "t.f", **node} for name, node in nodes.items()}})


def test_a_planted_node_knows_its_id_its_path_and_its_parents() -> None:
    graph = graph_of(a={}, b={"after": ["a"]})
    a, b = planted(graph, Plot(JOB))
    assert (a.path, a.parents) == ("a", Parents.waiting(0))
    assert (b.path, b.parents) == ("b", Parents.waiting(1))
    assert [each.id for each in planted(graph, Plot(JOB))] == [a.id, b.id]
    assert is_id(a.id)
    assert instant_of(a.id) == AT


def test_a_hundred_thousand_ids_are_in_order_and_all_different() -> None:
    ids = [node_id(JOB, i) for i in range(100_000)]
    assert len(set(ids)) == len(ids)
    assert ids[:65_536] == sorted(ids[:65_536])
    assert all(map(is_id, ids[::1000]))


def test_the_same_call_of_another_attempt_grows_the_same_and_every_other_call_another() -> None:
    plots = [spawn_plot(JOB, "fetch", number) for number in (0, 1, 0)]
    assert plots[0] == plots[2] != plots[1]
    graph = graph_of(a={})
    others = [
        *plots[:2],
        spawn_plot(JOB, "fetch", 0, run=1),
        replacement_plot(JOB, "fetch", graph),
        replacement_plot(JOB, "fetch", graph, run=1),
    ]
    assert len({node_id(plot.seed, 0) for plot in others}) == 5
    assert next(planted(graph, plots[1])).path == "fetch/+1/a"
    assert next(planted(graph, others[3])).path == "fetch/a"


def test_a_replacement_may_not_be_empty() -> None:
    with pytest.raises(EmptyReplacement, match=f"job {JOB} cannot be replaced by an empty graph"):
        replacement_plot(JOB, "a", read_graph({"nodes": {}, "result": []}))


def test_a_job_that_replaces_itself_for_ever_is_stopped() -> None:
    with pytest.raises(TooDeep, match="grew from 1000 jobs"):
        replacement_plot(JOB, "/".join(["again"] * 1001), graph_of(again={}))


def test_hooks_of_the_whole_have_one_id_a_run() -> None:
    ids = {
        hook_id(JOB, kind, n, run=r)
        for kind in ("on_success", "on_failure")
        for n in (0, 1)
        for r in (0, 1)
    }
    assert len(ids) == 8
    assert hook_id(JOB, "on_success", 0) == hook_id(JOB, "on_success", 0)


def test_labels_come_from_above_and_keep_their_types() -> None:
    own = {"tags": ["mine", "acme"], "metadata": {"n": 2, "deep": {"x": [1]}}}
    tags, metadata = labels_under(["acme", "eu"], {"n": 1, "m": True}, own)
    assert tags == ["mine", "acme", "eu"]
    assert metadata == {"n": 2, "m": True, "deep": {"x": [1]}}
    assert labels_under(["a"], {}, None) == (["a"], {})


def test_the_critical_path_is_the_longest_way_in_time() -> None:
    nodes = {
        "start": {"task": "t.fast"},
        "short": {"task": "t.slow", "after": ["start"]},
        "long": {"task": "t.fast", "after": ["start"], "on_success": {"task": "t.slow"}},
        "longer": {"task": "t.fast", "after": ["long"]},
        "end": {"value": [{"$from": "short"}, {"$from": "longer"}]},
    }
    graph = read_graph({"nodes": nodes})
    path = critical_path(graph, {"t.fast": 1, "t.slow": 5})
    assert (path.nodes, path.seconds) == (("start", "short", "end"), 6)
    assert critical_path(graph, {}).nodes == ("start", "long", "longer", "end")
    nothing = critical_path(read_graph({"nodes": {}, "result": 1}), {})
    assert (nothing.nodes, nothing.seconds) == ((), 0)
