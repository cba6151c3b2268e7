"""Changing a workflow by hand: what starts anew, and what is kept."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.moves import Status
from shared.contracts.workflow.ending import Ended
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.reading import read_graph
from shared.contracts.workflow.redo import Redo, to_cancel, to_rerun, to_retry, to_skip
from shared.contracts.workflow.run_if import Signal, Verdict
from shared.contracts.workflow.shape import downstream
from tests.unit.contracts.workflow.documents import BEGAN
from tests.unit.contracts.workflow.fates import fates_of, graphs
from tests.unit.contracts.workflow.machine import Machine

seeds = st.integers(0, 2**32)


def named(graph: Graph, redo: Redo | None) -> dict[str, Verdict]:
    assert redo is not None
    return {graph.nodes[i].name: verdict for i, (_, verdict) in redo.reset.items()}


def ends_of(*signals: Signal) -> list[Ended | None]:
    return [Ended(signal, Status.SUCCEEDED, BEGAN) for signal in signals]


def diamond(**more: Any) -> Graph:
    nodes = {
        "a": {"task": "t.f"},
        "b": {"task": "t.f", "after": ["a"]},
        "c": {"task": "t.f", "after": ["a"]},
        "d": {"task": "t.f", "after": ["b", "c"]},
        **more,
    }
    return read_graph({"nodes": nodes})


def test_cancelling_ends_who_waits_and_asks_who_runs() -> None:
    statuses = [Status.SUCCEEDED, Status.RUNNING, Status.QUEUED, Status.WAITING, Status.FAILED]
    assert to_cancel(statuses) == ((2, 3), (1,))


def test_a_retry_runs_what_failed_and_what_comes_after_and_keeps_the_rest() -> None:
    graph = diamond()
    ends = ends_of(Signal.GOOD, Signal.FAILED, Signal.GOOD, Signal.UPSTREAM)
    redo = to_retry(graph, ends)
    assert named(graph, redo) == {"b": Verdict.RUN, "d": Verdict.WAIT}
    assert redo is not None
    d, _ = redo.reset[3]
    assert (d.open, d.good) == (0b01, 0b10)


def test_a_handler_that_ran_is_asked_anew() -> None:
    graph = diamond(alarm={"task": "t.f", "after": ["d"], "run_if": "any_failed"})
    good = Signal.GOOD
    redo = to_retry(graph, ends_of(good, good, good, Signal.FAILED, good))
    assert named(graph, redo) == {"d": Verdict.RUN, "alarm": Verdict.WAIT}


def test_where_nothing_failed_there_is_nothing_to_retry() -> None:
    assert to_retry(diamond(), ends_of(*[Signal.GOOD] * 4)) is None


def test_an_owner_is_not_run_again_but_retried_inside() -> None:
    ends = ends_of(Signal.GOOD, Signal.FAILED, Signal.FAILED, Signal.UPSTREAM)
    redo = to_retry(diamond(), ends, owners={1, 0})
    assert redo is not None
    assert redo.inside == {1}


def test_any_node_can_be_run_again_with_all_that_follows() -> None:
    graph = diamond()
    redo = to_rerun(graph, ends_of(*[Signal.GOOD] * 4), 2)
    assert named(graph, redo) == {"c": Verdict.RUN, "d": Verdict.WAIT}
    skipped = ends_of(Signal.FAILED, Signal.UPSTREAM, Signal.UPSTREAM, Signal.UPSTREAM)
    assert named(graph, to_rerun(graph, skipped, 1)) == {
        "b": Verdict.RUN,
        "d": Verdict.SKIP_UPSTREAM,
    }


def test_a_failed_node_that_is_skipped_by_hand_lets_the_rest_go_on() -> None:
    graph = diamond()
    ends = ends_of(Signal.GOOD, Signal.FAILED, Signal.GOOD, Signal.UPSTREAM)
    assert named(graph, to_skip(graph, ends, 1)) == {"d": Verdict.RUN}
    ends[1] = ends[3] = None  # still waiting: its dependents are told, and nothing starts anew
    assert named(graph, to_skip(graph, ends, 1)) == {}


@settings(max_examples=100, deadline=None)
@given(graphs, seeds, seeds)
def test_after_a_retry_without_trouble_nothing_has_failed(
    graph: Graph, fates: int, schedule: int
) -> None:
    machine = Machine(graph, fates=fates_of(fates, growth=0), schedule=schedule).run()
    docs = [machine.docs[each] for each in machine.root.ids]
    ends = [Ended(d.signal, d.status, d.at) for d in docs if d.signal]
    redo = to_retry(graph, ends)
    failed = [i for i, end in enumerate(ends) if end.signal in (Signal.FAILED, Signal.FORGIVEN)]
    if redo is None:
        assert not failed
        return
    assert set(redo.reset) == downstream(graph.shape, failed)
    for i, (parents, _) in redo.reset.items():
        still_open = {
            graph.shape.parents[i][place]
            for place in range(parents.total)
            if parents.open >> place & 1
        }
        assert still_open == set(graph.shape.parents[i]) & set(redo.reset)
    # Each node that starts anew either may be decided at once or waits for another that does.
    assert all(
        verdict is not Verdict.WAIT or set(graph.shape.parents[i]) & set(redo.reset)
        for i, (_, verdict) in redo.reset.items()
    )
