"""Random workflows of jobs that note what they do, and what must become of each of their nodes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from shared.contracts.moves import Status
from shared.contracts.workflow.run_if import (
    Parents,
    RunIf,
    Signal,
    Verdict,
    read_run_if,
    signal_of,
    verdict,
)

_RULES = ("all_succeeded",) * 5 + ("all_done", "any_failed", "any_succeeded")
WAITS_FOR_ALL = ("all_succeeded", "all_done")


@dataclass(frozen=True)
class Node:
    """One node: what it waits for, and what its task does."""

    number: int
    parents: tuple[str, ...]
    rule: str
    fails: bool
    seconds: float


@dataclass
class Drawn:
    """A workflow as it was drawn, and what became of it."""

    nodes: Mapping[str, Node]
    hooks: Mapping[str, int]  # the number of each, by kind
    id: str = ""
    cancelled: bool = False
    statuses: dict[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> set[int]:
        """Return the numbers of all its jobs."""
        return {node.number for node in self.nodes.values()} | set(self.hooks.values())

    def document(self, ledger: str) -> dict[str, Any]:
        """Return what is submitted."""
        nodes = {name: _step(node, ledger) for name, node in self.nodes.items()}
        hooks = {kind: _hook(number, ledger) for kind, number in self.hooks.items()}
        return {"nodes": nodes, **hooks}

    def expected(self) -> dict[str, str]:
        """Return how each node must end, if nobody cancels it."""
        fates: dict[str, str] = {}
        signals: dict[str, Signal] = {}
        for name, node in self.nodes.items():  # each stands behind its parents
            parents = Parents.waiting(len(node.parents))
            for place, parent in enumerate(node.parents):
                parents = parents.told(1 << place, signals[parent])
            decided = verdict(rule_of(node), parents)
            fates[name], signals[name] = _end(decided, fails=node.fails)
        return fates


def draw(random: Random, numbers: Iterator[int], *, most: int = 8) -> Drawn:
    """Draw a workflow: many of its nodes are links of chains."""
    nodes: dict[str, Node] = {}
    for index in range(random.randint(2, most)):
        before = list(nodes)
        count = min(len(before), random.choice([0, 1, 1, 1, 1, 2, 3]))
        link = before[-1:] if count == 1 and random.random() < 0.8 else None
        parents = tuple(link or random.sample(before, count))
        rule = random.choice(_RULES) if parents else "all_succeeded"
        fails, seconds = random.random() < 0.1, random.choice([0.0, 0.0, 0.02, 0.3])
        nodes[f"n{index}"] = Node(next(numbers), parents, rule, fails, seconds)
    return Drawn(nodes, {kind: next(numbers) for kind in ("on_success", "on_failure")})


def rule_of(node: Node) -> RunIf:
    """Return the node's rule as the service reads it."""
    return read_run_if(node.rule)


def values_for(node: Node, drawn: Drawn, fates: Mapping[str, str]) -> Sequence[int | None]:
    """Return what the node must be given: the numbers of its parents that succeeded, in order."""
    succeeded = Status.SUCCEEDED.value
    return [drawn.nodes[p].number if fates[p] == succeeded else None for p in node.parents]


def _end(decided: Verdict, *, fails: bool) -> tuple[str, Signal]:
    if decided is Verdict.RUN:
        status = Status.FAILED if fails else Status.SUCCEEDED
        return status.value, signal_of(status)
    upstream = decided is Verdict.SKIP_UPSTREAM
    return Status.SKIPPED.value, signal_of(Status.SKIPPED, upstream=upstream)


def _step(node: Node, ledger: str) -> dict[str, Any]:
    given = {
        "number": node.number,
        "ledger": ledger,
        "seconds": node.seconds,
        "fails": node.fails,
        "given": [{"$from": parent} for parent in node.parents],
    }
    rule = {"run_if": node.rule} if node.parents else {}
    return {"task": "fault.step", "input": given, **rule}


def _hook(number: int, ledger: str) -> dict[str, Any]:
    return {"task": "fault.work", "input": {"number": number, "ledger": ledger, "seconds": 0}}
