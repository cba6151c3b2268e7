"""How nodes hang together: edges, order, depth; in time linear in the graph, without recursion."""

from collections.abc import Sequence

from shared.contracts.workflow.faults import Findings
from shared.contracts.workflow.graph import Edge, Node, Shape
from shared.contracts.workflow.names import DEEPEST
from shared.contracts.workflow.pointers import escaped

_LONGEST_CYCLE = 10  # names of a cycle that a message holds


def shape_of(nodes: Sequence[Node], findings: Findings) -> Shape | None:
    """Return the shape of a graph, or add to `findings` why it has none.

    Every parent's name must be known; this is checked before.
    """
    index = {node.name: i for i, node in enumerate(nodes)}
    parents = tuple(tuple(index[name] for name in node.parents) for node in nodes)
    edges = _edges(parents)
    order = _order(parents, edges)
    if len(order) < len(nodes):
        _tell_cycle(nodes, parents, order, findings)
        return None
    _check_depth(nodes, parents, order, findings)
    members = tuple(i for i, node in enumerate(nodes) if not node.hook)
    sinks = tuple(
        i for i in members if not edges[i] or all(nodes[edge.child].hook for edge in edges[i])
    )
    return Shape(parents=parents, edges=edges, order=order, sinks=sinks, members=members)


def downstream(shape: Shape, start: Sequence[int]) -> set[int]:
    """Return these nodes and all that depend on them, directly or not."""
    reached = set(start)
    to_visit = list(reached)
    while to_visit:
        for edge in shape.edges[to_visit.pop()]:
            if edge.child not in reached:
                reached.add(edge.child)
                to_visit.append(edge.child)
    return reached


def _edges(parents: Sequence[Sequence[int]]) -> tuple[tuple[Edge, ...], ...]:
    edges: list[list[Edge]] = [[] for _ in parents]
    for child, those in enumerate(parents):
        for place, parent in enumerate(those):
            edges[parent].append(Edge(child, place))
    return tuple(map(tuple, edges))


def _order(parents: Sequence[Sequence[int]], edges: Sequence[Sequence[Edge]]) -> tuple[int, ...]:
    """Return the nodes in topological order (Kahn, 1962), without those in or behind a cycle."""
    open_ = [len(those) for those in parents]
    order = [i for i, count in enumerate(open_) if not count]
    for node in order:  # grows while it is walked
        for edge in edges[node]:
            open_[edge.child] -= 1
            if not open_[edge.child]:
                order.append(edge.child)
    return tuple(order)


def _tell_cycle(
    nodes: Sequence[Node],
    parents: Sequence[Sequence[int]],
    order: Sequence[int],
    findings: Findings,
) -> None:
    sound = set(order)
    cycle = _cycle(parents, next(i for i in range(len(nodes)) if i not in sound), sound)
    names = [nodes[i].name for i in cycle[:_LONGEST_CYCLE]]
    if len(cycle) > _LONGEST_CYCLE:
        names.append(f"... ({len(cycle) - _LONGEST_CYCLE} more)")
    way = " -> ".join([*names, nodes[cycle[0]].name])
    findings.add(
        f"/nodes/{escaped(nodes[cycle[0]].name)}",
        f"node {nodes[cycle[0]].name!r} depends on itself: {way} is a cycle",
    )


def _cycle(parents: Sequence[Sequence[int]], start: int, sound: set[int]) -> list[int]:
    """Return a cycle, in the direction of the work, by walking back from an unsound node."""
    walk: dict[int, None] = {}
    node = start
    while node not in walk:
        walk[node] = None
        node = next(parent for parent in parents[node] if parent not in sound)
    steps = list(walk)
    return steps[steps.index(node) :][::-1]


def _check_depth(
    nodes: Sequence[Node],
    parents: Sequence[Sequence[int]],
    order: Sequence[int],
    findings: Findings,
) -> None:
    depth = [1] * len(nodes)
    for node in order:
        if parents[node]:
            depth[node] = 1 + max([depth[parent] for parent in parents[node]])
    too_deep = next((i for i, nodes_above in enumerate(depth) if nodes_above > DEEPEST), None)
    if too_deep is not None:
        findings.add(
            f"/nodes/{escaped(nodes[too_deep].name)}",
            f"node {nodes[too_deep].name!r} stands {depth[too_deep]} deep; "
            f"the longest way through a workflow has at most {DEEPEST} nodes",
        )
