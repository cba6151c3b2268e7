"""What is measured, as each system has it: the same tasks, the same edges, the same result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
ADD, TOTAL = "math.add", "bench.total"


@dataclass(frozen=True)
class Shape:
    """One workflow of a given size."""

    kind: str  # what Celery's side calls it
    size: int
    nodes: int
    document: Callable[[int], Document]  # what Warren reads
    value: int  # what it must give

    @property
    def name(self) -> str:
        """How the tables call it."""
        return f"{self.kind} {self.size:,}"


def chord(size: int) -> Shape:
    """Jobs side by side, and one that adds up what they gave."""
    return Shape("chord", size, size + 1, _chord, sum(range(size)) + size)


def chain(size: int) -> Shape:
    """Jobs one after the other, each adding one to the number before."""
    return Shape("chain", size, size, _chain, size)


def layers(size: int) -> Shape:
    """Ten layers of jobs, each joined before the next begins."""
    return Shape("layers", size, 10 * (size + 1), _layers, sum(range(size)) + size)


def _add(x: Any) -> Document:
    return {"task": ADD, "input": {"x": x, "y": 1}}


def _total(names: list[str]) -> Document:
    return {"task": TOTAL, "input": {"numbers": [{"$from": name} for name in names]}}


def _chord(size: int) -> Document:
    nodes = {f"n{i}": _add(i) for i in range(size)}
    return {"nodes": {**nodes, "total": _total(list(nodes))}}


def _chain(size: int) -> Document:
    first = {"n0": _add(0)}
    return {"nodes": first | {f"n{i}": _add({"$from": f"n{i - 1}"}) for i in range(1, size)}}


def _layers(size: int) -> Document:
    nodes: Document = {}
    for layer in range(10):
        after = {"after": [f"t{layer - 1}"]} if layer else {}
        names = [f"l{layer}.{i}" for i in range(size)]
        nodes |= {name: {**_add(i), **after} for i, name in enumerate(names)}
        nodes[f"t{layer}"] = _total(names)
    return {"nodes": nodes, "result": {"$from": "t9"}}
