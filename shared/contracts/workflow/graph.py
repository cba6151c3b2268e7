"""A workflow as it was submitted: nodes, what each depends on, and what the whole gives."""

from typing import Any, NamedTuple

from shared.contracts.record import record
from shared.contracts.workflow.run_if import RunIf


@record
class Node:
    """One node: a task to run, or a value that is put together from others without running."""

    name: str
    task: str | None  # None: the node's value is `input`, resolved
    input: Any  # a template, see `references`
    parents: tuple[str, ...] = ()  # those of its references in their order, then those of `after`
    needs: tuple[str, ...] = ()  # the parents whose result or error its references ask for
    run_if: RunIf = RunIf()
    foreach: Any = None  # a template that gives a list; None: one job
    max_parallel: int | None = None
    tolerate: bool = False
    hook: bool = False  # watches: is not waited for, handles nothing, is no part of the result
    subject: str = ""  # of `on_success`/`on_failure`: the node they belong to, "" in references
    fields: dict[str, Any] | None = None  # every other field of a submission, as it came


class Edge(NamedTuple):
    """From a node to one that depends on it: which one, and at which place of its parents."""

    child: int
    place: int


@record
class Shape:
    """How the nodes of a graph hang together, all by their index."""

    parents: tuple[tuple[int, ...], ...]
    edges: tuple[tuple[Edge, ...], ...]  # to the children of each node
    order: tuple[int, ...]  # each node after its parents
    sinks: tuple[int, ...]  # nodes, hooks apart, on which no node but hooks depends
    members: tuple[int, ...]  # nodes, hooks apart: the graph has ended when these have


@record
class Graph:
    """A checked graph."""

    nodes: tuple[Node, ...]  # in declared order
    shape: Shape
    result: Any  # a template; as given, or of the sinks
    on_success: tuple[Node, ...] = ()  # hooks of the whole, each run once at its end
    on_failure: tuple[Node, ...] = ()
    fields: dict[str, Any] | None = None  # run_at, tags, metadata: as they came

    @property
    def index(self) -> dict[str, int]:
        """Return where each node stands; costs a pass over the graph."""
        return {node.name: i for i, node in enumerate(self.nodes)}
