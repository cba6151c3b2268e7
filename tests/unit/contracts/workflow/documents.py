"""What the store in memory keeps: one document a node, and the graphs that they stand in."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.contracts.moves import Status
from shared.contracts.workflow.ending import GraphEnd
from shared.contracts.workflow.graph import Graph, Node
from shared.contracts.workflow.growth import Plot
from shared.contracts.workflow.run_if import Parents, Signal

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Scope:
    """A planted graph, and what belongs to whom."""

    graph: Graph
    plot: Plot
    owner: "Doc | None" = None  # whose end waits for this graph
    beside: "Scope | None" = None  # the graph that only must not end before
    ids: list[str] = field(default_factory=list)
    members: Parents = field(default_factory=lambda: Parents.waiting(0))
    growths: dict[str, "Scope"] = field(default_factory=dict)
    end: GraphEnd | None = None


@dataclass
class Doc:
    """A node's document."""

    id: str
    path: str
    node: Node
    scope: Scope
    number: int
    parents: Parents
    status: Status = Status.WAITING
    signal: Signal | None = None
    at: datetime = BEGAN
    runs: int = 0
    ran_with: Parents | None = None
    outcome: Status = Status.SUCCEEDED  # of its own attempt
    value: Any = None
    error: dict[str, Any] | None = None
    owned: dict[str, Scope] = field(default_factory=dict)
    elements: Parents | None = None
    element_of: "Doc | None" = None
    item: Any = None
