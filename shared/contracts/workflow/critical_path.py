"""The longest way through a graph: what bounds how fast it can be."""

from collections.abc import Mapping
from typing import NamedTuple

from shared.contracts.workflow.graph import Graph


class CriticalPath(NamedTuple):
    """The nodes of the longest way, in order, and how long they take together."""

    nodes: tuple[str, ...]
    seconds: float


def critical_path(
    graph: Graph, seconds: Mapping[str, float], *, unknown: float = 1.0
) -> CriticalPath:
    """Return the longest way by how long each task usually takes.

    `seconds` is by task; a task that is not in it counts `unknown`, a node without a task nothing,
    and so do hooks, which nobody waits for.
    """
    nodes, shape = graph.nodes, graph.shape
    took = [0.0] * len(nodes)
    before: list[int | None] = [None] * len(nodes)
    for i in shape.order:
        node = nodes[i]
        own = seconds.get(node.task, unknown) if node.task and not node.hook else 0.0
        last = max(shape.parents[i], key=lambda parent: took[parent], default=None)
        before[i] = last
        took[i] = own + (0.0 if last is None else took[last])
    # Of nodes that take nothing themselves, the last: it belongs to the way as well.
    ends = [i for i in reversed(shape.order) if not nodes[i].hook]
    end = max(ends, key=lambda i: took[i], default=None)
    way: list[str] = []
    step = end
    while step is not None:
        way.append(nodes[step].name)
        step = before[step]
    return CriticalPath(tuple(reversed(way)), 0.0 if end is None else took[end])
