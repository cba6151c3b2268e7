"""A document in the making, and what flows from one part of a workflow to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from warren.canvas.templates import references, result_of

if TYPE_CHECKING:
    from warren.canvas.signature import Signature


@dataclass(frozen=True)
class Flow:
    """What a part of a workflow is given, or gives.

    `values` are templates for the first open parameters of what comes next; `tails` the nodes that
    must have ended before it; `items` the values of a group's members, each on its own.
    """

    values: tuple[Any, ...] = ()
    tails: tuple[str, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    items: tuple[Any, ...] = ()
    run_if: str | None = None  # for the nodes that come next


class Draft:
    """Collects the nodes of one workflow, each under a name of its own."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self._arguments: dict[int, tuple[Signature, Flow]] = {}
        self._numbers: dict[str, int] = {}
        self._defaults: dict[str, Any] = {}
        self._hooking = False

    def add(
        self, node: Mapping[str, Any], *, like: str, name: str | None, fields: Mapping[str, Any]
    ) -> str:
        """Add a node, under its own name or one like its task's; the name that it got."""
        if name is None:
            name = self._free_name(like)
        elif name in self.nodes:
            raise ValueError(f"two nodes of one workflow are named {name!r}")
        hook = {"hook": True} if self._hooking else {}
        self.nodes[name] = {**node, **self._defaults, **fields, **hook}
        return name

    def argument(self, signature: Signature) -> Flow:
        """What a signature gives that stands among arguments: the same object is the same node."""
        if id(signature) not in self._arguments:
            flow = signature.compile_into(self, Flow())
            self._arguments[id(signature)] = (signature, flow)  # kept, so that its id stays its own
        return self._arguments[id(signature)][1]

    def gathered(self, flow: Flow) -> Flow:
        """The flow through one node, so that edges of many to many add up instead of multiply."""
        if len(flow.tails) < 2 or flow.run_if:
            return flow
        value = flow.values[0] if flow.values else None
        node: dict[str, Any] = {"value": value}
        if after := left_over(value, flow.tails):
            node["after"] = after
        name = self._free_name("gather")
        self.nodes[name] = node | ({"hook": True} if self._hooking else {})
        return Flow((result_of(name), *flow.values[1:]), (name,), flow.keywords)

    @contextmanager
    def defaults(self, fields: Mapping[str, Any]) -> Iterator[None]:
        """What is added meanwhile has these fields, unless it has its own."""
        before, self._defaults = self._defaults, {**self._defaults, **fields}
        try:
            yield
        finally:
            self._defaults = before

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """What is added meanwhile only watches the rest."""
        before = self._hooking, self._defaults
        self._hooking, self._defaults = True, {}
        try:
            yield
        finally:
            self._hooking, self._defaults = before

    def _free_name(self, like: str) -> str:
        name = like
        while name in self.nodes:
            number = self._numbers[like] = self._numbers.get(like, 1) + 1
            name = f"{like}-{number}"
        return name


def left_over(template: Any, tails: Sequence[str]) -> list[str]:
    """The nodes to wait for that the template does not refer to."""
    if not tails:
        return []
    referred = set(references(template))
    return [name for name in dict.fromkeys(tails) if name not in referred]
