"""Random workflows, and what their jobs do: strategies for the property tests."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from shared.contracts.moves import Status
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.reading import read_graph

_DEEPEST = 2  # how often a grown job may grow again


@dataclass
class Fate:
    """What one job does."""

    status: Status = Status.SUCCEEDED
    value: Any = None
    spawned: tuple[tuple[Graph, bool], ...] = ()  # graphs, and whether to wait for them
    replaced_by: Graph | None = None


def fates_of(
    seed: int, *, trouble: float = 0.25, growth: float = 0.15, steady: bool = False
) -> Callable[[str], Fate]:
    """Return the fates of all jobs that there may be: the same for the same path."""

    def fate(path: str) -> Fate:
        random = Random(f"{seed}/{path}")
        drawn = Fate(value=random.choice([path, [path], [path, path, path], []]))
        if random.random() < trouble:
            drawn.status = random.choice([Status.FAILED, Status.EXPIRED, Status.CANCELLED])
        if path.count("/") < _DEEPEST and random.random() < growth:
            graphs = [
                random_graph(random, most=3, steady=steady) for _ in range(random.randint(1, 2))
            ]
            drawn.spawned = tuple((graph, random.random() < 0.5) for graph in graphs)
        elif path.count("/") < _DEEPEST and random.random() < growth:
            drawn.replaced_by = random_graph(random, most=3, steady=steady)
        return drawn

    return fate


def random_document(random: Random, *, most: int = 8, steady: bool = False) -> dict[str, Any]:
    """Return a valid workflow as JSON.

    A node that starts before all its parents have ended sees the values that there are by then; in
    a steady workflow no such node has data from its parents.
    """
    names = [f"n{i}" for i in range(random.randint(1, most))]
    nodes = {name: _node(random, names[:i], steady=steady) for i, name in enumerate(names)}
    shuffled = random.sample(names, len(names))
    document: dict[str, Any] = {"nodes": {name: nodes[name] for name in shuffled}}
    if random.random() < 0.5:
        document["result"] = [{"$from": name} for name in names]
    for kind in ("on_success", "on_failure"):
        if random.random() < 0.7:
            document[kind] = {"task": "t.hook", "input": {"why": {"$error": ""}}}
    return document


def random_graph(random: Random, *, most: int = 8, steady: bool = False) -> Graph:
    """Return a valid graph."""
    return read_graph(random_document(random, most=most, steady=steady))


graphs = st.integers(0, 2**32).map(lambda seed: random_graph(Random(seed)))
steady_graphs = st.integers(0, 2**32).map(lambda seed: random_graph(Random(seed), steady=True))


def _node(random: Random, before: list[str], *, steady: bool) -> dict[str, Any]:
    parents = random.sample(before, min(len(before), random.choice([0, 1, 1, 2, 3])))
    rules = ["all_done", "any_failed", "any_succeeded", {"succeeded": (len(parents) + 1) // 2}]
    run_if = random.choice(rules) if parents and random.random() < 0.5 else "all_succeeded"
    eager = run_if not in ("all_done", "all_succeeded")
    data = [name for name in parents if random.random() < 0.7 and not (steady and eager)]
    given = {name: _reference(random, name) for name in data}
    node: dict[str, Any] = {"task": "t.f", "input": given, "run_if": run_if, "after": parents}
    if random.random() < 0.15:
        del node["task"], node["input"]
        node["value"] = [{"$from": name} for name in data]
    elif random.random() < 0.25:
        node["foreach"] = {"$from": data[0]} if data and random.random() < 0.5 else [1, 2, 3]
        node["input"]["item"] = {"$item": ""}
        if random.random() < 0.5:
            node["max_parallel"] = random.randint(1, 3)
    if random.random() < 0.15:
        node["tolerate"] = True
    for kind in ("on_success", "on_failure"):
        if random.random() < 0.2:
            node[kind] = {"task": "t.hook", "input": {"value": {"$from": ""}}}
    return node


def _reference(random: Random, name: str) -> dict[str, Any]:
    return random.choice([{"$from": name}, {"$error": name}, {"deep": [{"$from": name}]}])
