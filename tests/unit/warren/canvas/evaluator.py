"""Runs a workflow's document here and now, by the service's own rules for graphs and references."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.workflow.bits import set_of
from shared.contracts.workflow.graph import Node
from shared.contracts.workflow.reading import read_graph
from shared.contracts.workflow.resolution import Known, resolve
from shared.contracts.workflow.run_if import Parents, Signal, Verdict, verdict
from tests.unit.warren.canvas.sums import TASKS
from warren import Job, Task
from warren.job import Silent


@dataclass
class Ran:
    """What a workflow did."""

    tasks: Mapping[str, Task[..., Any]]
    result: Any = None
    ran: list[str] = field(default_factory=list)  # nodes, in the order in which they ran
    inputs: dict[str, Any] = field(default_factory=dict)
    signals: dict[str, Signal] = field(default_factory=dict)


def run(document: dict[str, Any], tasks: Mapping[str, Task[..., Any]] = TASKS) -> Ran:
    """Run every node in order, each as its condition says."""
    graph = read_graph(document)
    known: dict[str, Known] = {}
    ran = Ran(tasks)
    for i in graph.shape.order:
        node = graph.nodes[i]
        parents = Parents.waiting(len(node.parents))
        for place, name in enumerate(node.parents):
            parents = parents.told(set_of([place]), ran.signals[name])
        known[node.name], ran.signals[node.name] = Known(missing=True), Signal.IDLE
        match verdict(node.run_if, parents, hook=node.hook):
            case Verdict.RUN:
                first = next((known[n].error for n in node.parents if known[n].error), None)
                subject = known.get(node.subject, Known(error=first, missing=True))
                _run_node(node, {**known, "": subject}, known, ran)
            case Verdict.SKIP_UPSTREAM:
                ran.signals[node.name] = Signal.UPSTREAM
    ran.result = resolve(graph.result, known)
    return ran


def _run_node(node: Node, seen: dict[str, Known], known: dict[str, Known], ran: Ran) -> None:
    ran.ran.append(node.name)
    try:
        known[node.name] = Known(_value(node, seen, ran))
        ran.signals[node.name] = Signal.GOOD
    except ValueError as error:
        told = {"node": node.name, "type": type(error).__name__, "message": str(error)}
        known[node.name] = Known(error=told, missing=True)
        ran.signals[node.name] = Signal.FAILED


def _value(node: Node, seen: dict[str, Known], ran: Ran) -> Any:
    if node.task is None:
        return resolve(node.input, seen)
    if node.foreach is None:
        return _call(node, resolve(node.input, seen), ran)
    items = resolve(node.foreach, seen)
    return [_call(node, resolve(node.input, seen, item=item), ran) for item in items]


def _call(node: Node, given: Any, ran: Ran) -> Any:
    ran.inputs[node.name] = given
    task = ran.tasks[str(node.task)]
    job = Job(id="1", attempt=1, input=given, port=Silent())
    return task.fn(**task.arguments(given, job))
