"""How a workflow ends: who handles a failure, and who is to blame."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.attempt import Failure
from shared.contracts.moves import Status
from shared.contracts.workflow.ending import (
    Ended,
    error_object,
    failure_of_end,
    graph_end,
    unhandled,
    upstream_failure,
)
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.reading import read_graph
from shared.contracts.workflow.run_if import Signal

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STATUS = {
    Signal.GOOD: Status.SUCCEEDED,
    Signal.FAILED: Status.FAILED,
    Signal.FORGIVEN: Status.FAILED,
    Signal.UPSTREAM: Status.SKIPPED,
    Signal.IDLE: Status.SKIPPED,
}


def graph_of(**nodes: dict[str, Any]) -> Graph:
    return read_graph({"nodes": {name: {"task": "t.f", **node} for name, node in nodes.items()}})


def ends_of(graph: Graph, **signals: Signal) -> list[Ended | None]:
    """The ends of the nodes, in time in the order of the keywords."""
    ends = {
        name: Ended(signal, STATUS[signal], BEGAN + timedelta(seconds=i))
        for i, (name, signal) in enumerate(signals.items())
    }
    return [ends.get(node.name) for node in graph.nodes]


def failing(graph: Graph, **signals: Signal) -> str | None:
    """The name of the node that the workflow fails with."""
    end = graph_end(graph, ends_of(graph, **signals), cancel_asked=False)
    assert (end.status is Status.FAILED) == (end.failed is not None)
    return None if end.failed is None else graph.nodes[end.failed].name


def test_a_failure_that_nobody_handles_is_the_workflow_s() -> None:
    graph = graph_of(a={}, b={"after": ["a"]})
    assert failing(graph, a=Signal.FAILED, b=Signal.UPSTREAM) == "a"
    assert failing(graph, a=Signal.GOOD, b=Signal.FAILED) == "b"
    assert failing(graph, a=Signal.GOOD, b=Signal.GOOD) is None


@pytest.mark.parametrize("rule", ["any_failed", "all_done"])
def test_a_handler_handles_also_what_comes_from_further_up(rule: str) -> None:
    graph = graph_of(a={}, b={"after": ["a"]}, alarm={"after": ["b"], "run_if": rule})
    assert failing(graph, a=Signal.FAILED, b=Signal.UPSTREAM, alarm=Signal.GOOD) is None
    assert failing(graph, a=Signal.GOOD, b=Signal.FAILED, alarm=Signal.GOOD) is None
    assert failing(graph, a=Signal.FAILED, b=Signal.UPSTREAM, alarm=Signal.FAILED) == "alarm"


def test_a_failure_does_not_pass_through_a_node_that_ran() -> None:
    graph = graph_of(
        a={}, b={}, c={"after": ["a", "b"], "run_if": "any_succeeded"},
        alarm={"after": ["c"], "run_if": "any_failed"},
    )  # fmt: skip
    ends = {"a": Signal.FAILED, "b": Signal.GOOD, "c": Signal.GOOD, "alarm": Signal.IDLE}
    assert failing(graph, **ends) == "a"


def test_a_tolerated_failure_is_none_and_a_hook_handles_nothing() -> None:
    graph = graph_of(a={"tolerate": True}, b={"after": ["a"]})
    assert failing(graph, a=Signal.FORGIVEN, b=Signal.GOOD) is None
    hooked = graph_of(
        a={"on_failure": {"task": "t.h"}}, h={"after": ["a"], "run_if": "all_done", "hook": True}
    )
    assert failing(hooked, a=Signal.FAILED) == "a"


def test_the_first_failure_in_time_is_to_blame() -> None:
    graph = graph_of(a={}, b={}, c={})
    assert failing(graph, c=Signal.GOOD, b=Signal.FAILED, a=Signal.FAILED) == "b"


def test_a_cancelled_workflow_is_cancelled_only_if_a_node_was() -> None:
    graph = graph_of(a={}, b={})
    done = ends_of(graph, a=Signal.GOOD, b=Signal.GOOD)
    assert graph_end(graph, done, cancel_asked=True).status is Status.SUCCEEDED
    stopped = [done[0], Ended(Signal.FAILED, Status.CANCELLED, BEGAN)]
    assert graph_end(graph, stopped, cancel_asked=True).status is Status.CANCELLED
    assert graph_end(graph, stopped, cancel_asked=False) == (Status.FAILED, 1)


def test_a_graph_that_has_not_ended_has_no_end() -> None:
    graph = graph_of(a={}, b={})
    with pytest.raises(ValueError, match="node 1 has not ended"):
        graph_end(graph, ends_of(graph, a=Signal.GOOD), cancel_asked=False)


@given(
    st.lists(st.sampled_from([Signal.GOOD, Signal.FAILED, Signal.UPSTREAM]), min_size=6, max_size=6)
)
def test_only_nodes_that_failed_are_ever_unhandled(signals: list[Signal]) -> None:
    names = [f"n{i}" for i in range(6)]
    nodes: dict[str, Any] = {
        name: {"after": names[i // 2 : i], "run_if": "all_done" if i == 5 else "all_succeeded"}
        for i, name in enumerate(names)
    }
    graph = graph_of(**nodes)
    ends = ends_of(graph, **dict(zip(names, signals, strict=True)))
    assert all(signals[i] is Signal.FAILED for i in unhandled(graph, ends))


def test_an_error_is_the_same_object_whoever_asks() -> None:
    failure = Failure(type="ValueError", message="no", retryable=True, attempt=3)
    cause = error_object(path="fetch/17", job_id="0193", failure=failure, attempts=3)
    assert cause == {
        "node": "fetch/17", "job_id": "0193", "type": "ValueError", "message": "no", "attempts": 3,
    }  # fmt: skip
    skipped = upstream_failure(cause)
    assert skipped.type == "upstream-failed"
    assert skipped.message == "node fetch/17 failed: ValueError: no"


def test_a_job_that_ended_without_an_error_gets_one_for_its_workflow() -> None:
    expired = failure_of_end(Status.EXPIRED, None, attempt=0)
    assert (expired.type, expired.message) == ("expired", "the job expired before it ran")
    assert failure_of_end(Status.CANCELLED, None, attempt=1).type == "cancelled"
    own = Failure(type="X", message="y", retryable=False, attempt=1)
    assert failure_of_end(Status.FAILED, own, attempt=1) is own
