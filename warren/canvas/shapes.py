"""Signatures made of signatures: one after the other, and side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from warren.canvas.draft import Draft, Flow
from warren.canvas.signature import Part, Signature, signature_of


@dataclass(frozen=True, eq=False)
class Chain(Signature):
    """One step after the other; each is given the value of the one before, the last gives its."""

    steps: tuple[Signature, ...]

    def nodes_into(self, draft: Draft, flow: Flow) -> Flow:
        """Add the nodes of the steps, each behind those of the one before."""
        if not self.steps:
            raise ValueError("a chain needs at least one step")
        with draft.defaults(self.fields):
            for each in self.steps:
                flow = each.compile_into(draft, flow)
        return flow

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.steps))


@dataclass(frozen=True, eq=False)
class Group(Signature):
    """Side by side; gives the list of the members' values in their order, always a list.

    Groups that are members of a group are one group with it. A chain between keeps them apart.
    """

    members: tuple[Signature, ...]

    def nodes_into(self, draft: Draft, flow: Flow) -> Flow:
        """Add the nodes of the members, which are all given the same."""
        if len(self.members) > 1:
            flow = draft.gathered(flow)
        items: list[object] = []
        tails: list[str] = []
        with draft.defaults(self.fields):
            for member in self.members:
                given = member.compile_into(draft, flow)
                items += given.items if isinstance(member, Group) else given.values
                tails += given.tails
        return Flow((items,), tuple(tails or flow.tails), items=tuple(items))

    def __repr__(self) -> str:
        return f"group({', '.join(map(repr, self.members))})"


def chain(*steps: Part | Iterable[Part]) -> Chain:
    """One step after the other: `chain(a.s(1), b.s())` is `a.s(1) | b.s()`."""
    return Chain(tuple(_joined(_parts(steps))))


def group(*members: Part | Iterable[Part]) -> Group:
    """Side by side: `group(add.s(i, i) for i in range(10))`."""
    return Group(tuple(_parts(members)))


def chord(header: Part | Iterable[Part], body: Part) -> Chain:
    """Side by side, then one step that is given the list of their values."""
    return chain(header if isinstance(header, Group) else group(header), body)


def _parts(given: Iterable[Part | Iterable[Part]]) -> Iterator[Signature]:
    for part in given:
        if isinstance(part, Iterable):
            yield from map(signature_of, part)
        else:
            yield signature_of(part)


def _joined(steps: Iterable[Signature]) -> Iterator[Signature]:
    """The steps, those of chains among them in their place, unless hooks or fields hold these."""
    for step in steps:
        plain = not (step.successes or step.failures or step.fields)
        if isinstance(step, Chain) and plain:
            yield from step.steps
        else:
            yield step
