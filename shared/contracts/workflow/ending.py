"""How a workflow ends: whether a failure was handled, and what the whole gives."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.contracts.attempt import Failure
from shared.contracts.moves import Status
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.run_if import HANDLES, Signal

UPSTREAM_FAILED = "upstream-failed"
"""The type of the error of a job whose own task did not fail, but something it needed."""


class Ended(NamedTuple):
    """How and when one node ended."""

    signal: Signal
    status: Status
    at: datetime


class GraphEnd(NamedTuple):
    """How a graph ended; `failed` is the index of the node that is to blame, the first in time."""

    status: Status
    failed: int | None = None


def graph_end(graph: Graph, ends: Sequence[Ended | None], *, cancel_asked: bool) -> GraphEnd:
    """Decide how a graph ends when all its members have; those of hooks are not looked at.

    It is cancelled if somebody asked for that and some node was; it fails if a node failed and
    nobody handles that; else it succeeds, and its result is `graph.result`, resolved.
    """
    if cancel_asked and any(_end(ends, i).status is Status.CANCELLED for i in graph.shape.members):
        return GraphEnd(Status.CANCELLED)
    failures = list(unhandled(graph, ends))
    if not failures:
        return GraphEnd(Status.SUCCEEDED)
    return GraphEnd(Status.FAILED, min(failures, key=lambda i: (_end(ends, i).at, i)))


def unhandled(graph: Graph, ends: Sequence[Ended | None]) -> Iterator[int]:
    """Yield the members whose failure nobody takes care of.

    A failure passes through the nodes that were skipped because of it, and is handled where it
    comes to a node with `run_if` any_failed or all_done; a tolerated one is no failure here.
    """
    nodes, shape = graph.nodes, graph.shape
    handled = [False] * len(nodes)  # whether a failure that leaves this node meets a handler
    for i in reversed(shape.order):
        for child, _ in shape.edges[i]:
            if nodes[child].hook:
                continue
            passes = _end(ends, child).signal is Signal.UPSTREAM and handled[child]
            if passes or nodes[child].run_if.rule in HANDLES:
                handled[i] = True
                break
    for i in shape.members:
        if _end(ends, i).signal is Signal.FAILED and not handled[i]:
            yield i


def error_object(*, path: str, job_id: str, failure: Failure, attempts: int) -> dict[str, Any]:
    """Return what `{"$error": node}` is worth: always this, whoever failed and whoever asks.

    Of a node that was skipped, it is the error of the node upstream that failed.
    """
    return {
        "node": path,
        "job_id": job_id,
        "type": failure.type,
        "message": failure.message,
        "attempts": attempts,
    }


def upstream_failure(cause: dict[str, Any]) -> Failure:
    """Return the error of a node that was skipped because of `cause`, an error object."""
    return Failure(
        type=UPSTREAM_FAILED,
        message=f"node {cause['node']} failed: {cause['type']}: {cause['message']}",
        retryable=False,
        attempt=0,
    )


def failure_of_end(status: Status, failure: Failure | None, *, attempt: int) -> Failure:
    """Return why a node that ended without a result did so, also where the job itself says not."""
    if failure is not None:
        return failure
    said = "expired before it ran" if status is Status.EXPIRED else f"was {status.value}"
    return Failure(type=status.value, message=f"the job {said}", retryable=False, attempt=attempt)


def _end(ends: Sequence[Ended | None], i: int) -> Ended:
    end = ends[i]
    if end is None:
        raise ValueError(f"node {i} has not ended, so neither has its graph")
    return end
