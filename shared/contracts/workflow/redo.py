"""Changing a workflow by hand: cancel it, retry it, run it again from a node, skip a node.

Each is planned here and applied by compare-and-set, node by node; a plan that is applied twice
changes nothing the second time, because every write names the run that it begins.
"""

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from shared.contracts.moves import ENDS, Status
from shared.contracts.workflow.bits import set_of
from shared.contracts.workflow.ending import Ended
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.run_if import Parents, Signal, Verdict, verdict
from shared.contracts.workflow.shape import downstream

_TO_RETRY = frozenset({Signal.FAILED, Signal.FORGIVEN})


class Cancel(NamedTuple):
    """Who is cancelled at once, and who is asked to stop."""

    now: tuple[int, ...]
    ask: tuple[int, ...]


class Redo(NamedTuple):
    """Nodes that start anew; all others keep their ends and their results."""

    reset: dict[int, tuple[Parents, Verdict]]  # what each knows of its parents, and what follows
    inside: frozenset[int]  # of these: not run again, but the graph that belongs to them is retried


def to_cancel(statuses: Sequence[Status]) -> Cancel:
    """Return what cancelling does; whoever has ended stays as it is."""
    now = [i for i, s in enumerate(statuses) if s not in ENDS and s is not Status.RUNNING]
    ask = [i for i, s in enumerate(statuses) if s is Status.RUNNING]
    return Cancel(tuple(now), tuple(ask))


def to_retry(
    graph: Graph, ends: Sequence[Ended | None], *, owners: Set[int] = frozenset()
) -> Redo | None:
    """Return the plan to run again what failed and everything downstream of it; None if nothing.

    `owners` are nodes that failed because of a graph that belongs to them (a foreach, a job that
    was replaced or that waited for what it spawned): what succeeded inside is kept as well.
    """
    failed = [i for i, end in enumerate(ends) if end and end.signal in _TO_RETRY]
    if not failed:
        return None
    again = _redo(graph, ends, failed)
    return again._replace(inside=frozenset(owners) & frozenset(failed))


def to_rerun(graph: Graph, ends: Sequence[Ended | None], node: int) -> Redo:
    """Return the plan to run a node and everything downstream of it again, whatever came of it.

    Its own parents keep their ends, so it runs whether or not its condition held.
    """
    again = _redo(graph, ends, [node])
    parents, _ = again.reset[node]
    return again._replace(reset=again.reset | {node: (parents, Verdict.RUN)})


def to_skip(graph: Graph, ends: Sequence[Ended | None], node: int) -> Redo:
    """Return the plan for a node that somebody skips by hand: it counts as good, without a value.

    In a workflow that goes on, its dependents are simply told so; if the node had ended, all that
    came of its end starts anew.
    """
    below: dict[int, tuple[Parents, Verdict]] = {}
    if ends[node] is not None:
        passed = list(ends)
        passed[node] = ends[node]._replace(signal=Signal.GOOD, status=Status.SKIPPED)  # type: ignore[union-attr]
        below = _redo(graph, passed, [node], among_them=False).reset
    return Redo(below, frozenset())


def parents_after(graph: Graph, ends: Mapping[int, Signal], node: int) -> Parents:
    """Return what a node knows of its parents when exactly these have ended."""
    by_signal: dict[Signal, list[int]] = {}
    those = graph.shape.parents[node]
    for place, parent in enumerate(those):
        if parent in ends:
            by_signal.setdefault(ends[parent], []).append(place)
    known = Parents.waiting(len(those))
    for signal, places in by_signal.items():
        known = known.told(set_of(places), signal)
    return known


def _redo(
    graph: Graph, ends: Sequence[Ended | None], start: Sequence[int], *, among_them: bool = True
) -> Redo:
    again = downstream(graph.shape, start)
    if not among_them:
        again -= set(start)
    kept = {i: end.signal for i, end in enumerate(ends) if end and i not in again}
    reset: dict[int, tuple[Parents, Verdict]] = {}
    for i in graph.shape.order:
        if i in again:
            known = parents_after(graph, kept, i)
            node = graph.nodes[i]
            reset[i] = (known, verdict(node.run_if, known, hook=node.hook))
    return Redo(reset, frozenset())
