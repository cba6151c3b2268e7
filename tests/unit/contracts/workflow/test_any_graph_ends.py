"""Whatever its jobs do, in whatever order: a workflow ends, and rightly so."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.moves import ENDS, Status
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.reading import read_graph
from shared.contracts.workflow.redo import parents_after
from shared.contracts.workflow.run_if import Signal, Verdict, verdict
from tests.unit.contracts.workflow.documents import Doc
from tests.unit.contracts.workflow.fates import fates_of, graphs, random_graph, steady_graphs
from tests.unit.contracts.workflow.machine import Machine

seeds = st.integers(0, 2**32)
often = settings(max_examples=150, deadline=None)


def final_verdict(machine: Machine, doc: Doc) -> Verdict:
    """What the ends of all parents together say."""
    signals = {machine.docs[each].number: machine.docs[each].signal for each in doc.scope.ids}
    known = {number: signal for number, signal in signals.items() if signal}
    parents = parents_after(doc.scope.graph, known, doc.number)
    return verdict(doc.node.run_if, parents, hook=doc.node.hook)


@often
@given(graphs, seeds, seeds)
def test_every_node_and_every_graph_ends(graph: Graph, fates: int, schedule: int) -> None:
    machine = Machine(graph, fates=fates_of(fates), schedule=schedule).run()
    assert all(doc.status in ENDS for doc in machine.docs.values())
    assert all(scope.end is not None for scope in machine.scopes.values())


@often
@given(graphs, seeds, seeds, st.integers(0, 60))
def test_a_cancelled_workflow_ends_too(graph: Graph, fates: int, schedule: int, after: int) -> None:
    machine = Machine(graph, fates=fates_of(fates), schedule=schedule).run(cancel_after=after)
    assert all(doc.status in ENDS for doc in machine.docs.values())
    cancelled = any(
        machine.docs[each].status is Status.CANCELLED and not machine.docs[each].node.hook
        for each in machine.root.ids
    )
    assert machine.root.end is not None
    if machine.cancel_asked:
        assert not cancelled or machine.root.end.status is Status.CANCELLED
    else:
        assert machine.root.end.status is not Status.CANCELLED


@often
@given(graphs, seeds, seeds)
def test_a_node_ran_exactly_if_its_condition_held(graph: Graph, fates: int, schedule: int) -> None:
    machine = Machine(graph, fates=fates_of(fates), schedule=schedule).run()
    for doc in machine.docs.values():
        if doc.element_of is not None:
            continue
        if doc.ran_with is not None:
            assert verdict(doc.node.run_if, doc.ran_with, hook=doc.node.hook) is Verdict.RUN
        assert (doc.ran_with is not None) == (final_verdict(machine, doc) is Verdict.RUN)


@often
@given(graphs, seeds, seeds)
def test_no_job_and_no_hook_ran_twice(graph: Graph, fates: int, schedule: int) -> None:
    machine = Machine(graph, fates=fates_of(fates), schedule=schedule).run()
    assert all(doc.runs <= 1 for doc in machine.docs.values())
    hooks = [doc for doc in machine.docs.values() if doc.node.hook]
    assert all(doc.runs == (final_verdict(machine, doc) is Verdict.RUN) for doc in hooks)
    ended = [scope for scope in machine.scopes.values() if scope.end]
    expected = sum(
        len(scope.graph.on_success if scope.end.status == "succeeded" else scope.graph.on_failure)
        for scope in ended
        if scope.end
    )
    assert set(machine.hooks.values()) <= {1}
    assert len(machine.hooks) == expected


@often
@given(steady_graphs, seeds, seeds, seeds)
def test_the_order_of_events_decides_nothing(
    graph: Graph, fates: int, one: int, other: int
) -> None:
    steady = fates_of(fates, steady=True)
    first = Machine(graph, fates=steady, schedule=one).run()
    second = Machine(graph, fates=steady, schedule=other, clumsy=False).run()
    assert first.ends() == second.ends()
    assert first.root.end
    assert second.root.end
    assert first.root.end.status == second.root.end.status
    if first.root.end.status is Status.SUCCEEDED:
        assert first.result_of(first.root) == second.result_of(second.root)


@often
@given(graphs, seeds, seeds)
def test_follow_ups_that_come_again_change_nothing(graph: Graph, fates: int, schedule: int) -> None:
    machine = Machine(graph, fates=fates_of(fates), schedule=schedule).run()
    before = machine.snapshot()
    machine.replay()
    machine.run()
    assert machine.snapshot() == before


@often
@given(graphs, seeds, seeds)
def test_results_stand_in_declared_order(graph: Graph, fates: int, schedule: int) -> None:
    machine = Machine(graph, fates=fates_of(fates, trouble=0), schedule=schedule).run()
    fate = fates_of(fates, trouble=0)
    for doc in machine.docs.values():
        if doc.elements is not None and doc.value:
            of = [d for d in machine.docs.values() if d.element_of is doc]
            in_order = sorted(of, key=lambda d: d.number)
            assert doc.value == [d.value if d.signal is Signal.GOOD else None for d in in_order]
        elif doc.runs and not doc.owned:
            assert doc.value == fate(doc.path).value


def test_an_element_that_founders_with_what_grew_from_it_stands_as_null_in_the_list() -> None:
    machine = Machine(random_graph(Random(477)), fates=fates_of(477, trouble=0), schedule=0).run()
    [doc] = [doc for doc in machine.docs.values() if doc.path == "n3"]
    elements = [each for each in machine.docs.values() if each.element_of is doc]
    assert [each.status for each in elements] == [Status.SUCCEEDED] * 2 + [Status.FAILED]
    assert doc.value == [each.value for each in elements]
    assert doc.value[2] is None


@often
@given(graphs, seeds, seeds)
def test_no_more_elements_run_at_once_than_were_allowed(
    graph: Graph, fates: int, schedule: int
) -> None:
    machine = Machine(graph, fates=fates_of(fates), schedule=schedule).run()
    for doc in machine.docs.values():
        if doc.elements is not None and doc.node.max_parallel:
            assert machine.most_at_once[doc.path] <= doc.node.max_parallel


@pytest.mark.parametrize("seed", range(3))
def test_without_trouble_everything_without_a_condition_succeeds(seed: int) -> None:
    nodes = {f"n{i}": {"task": "t.f", "after": [f"n{i // 2}"] if i else []} for i in range(200)}
    document = {"nodes": {name: nodes[name] for name in reversed(nodes)}}
    calm = fates_of(seed, trouble=0, growth=0)
    machine = Machine(read_graph(document), fates=calm, schedule=seed).run()
    assert {doc.status for doc in machine.docs.values()} == {Status.SUCCEEDED}
