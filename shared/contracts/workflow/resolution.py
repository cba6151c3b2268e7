"""Putting values in the place of references, as a conversation with whoever can read them.

Values pass by reference: a job stores its template, and only the worker that runs it, or a reader
of the result, puts the values in. A node without a task is worth its own template, so one reading
may ask for another; the conversation goes on until all are known.
"""

from collections.abc import Generator, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import orjson

from shared.contracts.workflow.faults import BadReference
from shared.contracts.workflow.pointers import NothingThere, pick
from shared.contracts.workflow.references import (
    LITERAL,
    Kind,
    Reference,
    found_in,
    is_literal,
    reference_in,
    references_in,
    whole_node_in,
)

MOST_BYTES = 256 * 1024 * 1024
"""Of JSON that one resolution may put together: nested lists of lists could double for ever."""


class Known(NamedTuple):
    """What is known of a node that others refer to."""

    value: Any = None
    size: int = 0  # bytes of the value's JSON text
    error: dict[str, Any] | None = None
    missing: bool = False  # it has no value: not ended, not succeeded, or skipped
    joined: tuple[Any, ...] = ()  # values of jobs that joined it; they follow it in a list


class Made(NamedTuple):
    """A node without a task: its value is this template."""

    template: Any


Talk: TypeAlias = Generator[frozenset[str], Mapping[str, Known | Made], Any]


def resolving(template: Any, *, item: Any = None, most: int = MOST_BYTES) -> Talk:
    """Yield the names of nodes to read, be sent what is known of them, return the value.

    A node without a value gives null, with or without a path, and so does `$error` of a node
    without an error. A path that leads to nothing in a value raises BadReference, as does a value
    beyond `most` bytes.
    """
    known: dict[str, Known] = {}
    made: dict[str, Any] = {}
    wanted = names_in(template)
    while wanted:
        told = yield frozenset(wanted)
        new = {name: each.template for name, each in told.items() if isinstance(each, Made)}
        known |= {name: each for name, each in told.items() if isinstance(each, Known)}
        made |= new
        asked = {name for each in new.values() for name in names_in(each)}
        wanted = asked - known.keys() - made.keys()
    _make(made, known, most)
    return _Resolver(known, item, most).resolve(template)


def resolve(template: Any, known: Mapping[str, Known], *, item: Any = None) -> Any:
    """Return the value of a template, when everything that it refers to is known."""
    return _Resolver(known, item, MOST_BYTES).resolve(template)


def names_in(template: Any) -> set[str]:
    """Return the nodes that a template refers to."""
    references = references_in(template)
    if references is None:  # what is faulty is passed over
        references = [each.reference for each in found_in(template) if each.reference]
    return {ref.node for ref in references if ref.kind is not Kind.ITEM}


def _make(made: Mapping[str, Any], known: dict[str, Known], most: int) -> None:
    """Work out the values of nodes without a task, each after those that it refers to."""
    to_do = list(made)
    while to_do:
        name = to_do[-1]
        open_ = [other for other in names_in(made[name]) if other not in known]
        if name in known or not open_:
            to_do.pop()
        if name in known:
            continue
        if open_:
            to_do += open_
            continue
        resolver = _Resolver(known, None, most)
        value = resolver.resolve(made[name])
        known[name] = Known(value, resolver.size)


class _Resolver:
    """Puts values into one template, and counts their bytes."""

    def __init__(self, known: Mapping[str, Known], item: Any, most: int) -> None:
        self._known, self._item, self._most = known, item, most
        self._sizes: dict[Reference, int] = {}
        self.size = 0

    def resolve(self, value: Any) -> Any:
        # The JSON edge bounds how deep a template nests.
        if isinstance(value, list):
            return list(self._elements(value))
        if not isinstance(value, dict):
            return value
        if (name := whole_node_in(value)) is not None:
            return self._whole(self._known[name])
        if is_literal(value):
            return value[LITERAL]
        reference = reference_in(value)
        if reference is not None:
            return self._target(reference)
        return {key: self.resolve(part) for key, part in value.items()}

    def _elements(self, values: list[Any]) -> Iterable[Any]:
        for value in values:
            name = whole_node_in(value) if isinstance(value, dict) else None
            if name is not None:
                known = self._known[name]
                yield self._whole(known)
                yield from known.joined
            else:
                yield self.resolve(value)

    def _whole(self, known: Known) -> Any:
        if known.missing:
            return None
        self._count(known.size)
        return known.value

    def _target(self, reference: Reference) -> Any:
        if reference.kind is Kind.ITEM:
            return self._part(reference, self._item)
        known = self._known[reference.node]
        if reference.kind is Kind.ERROR:
            return None if known.error is None else self._part(reference, known.error)
        if known.missing:
            return None
        part = self._part(reference, known.value)
        if reference not in self._sizes:
            self._sizes[reference] = len(orjson.dumps(part)) if reference.path else known.size
        self._count(self._sizes[reference])
        return part

    def _part(self, reference: Reference, value: Any) -> Any:
        try:
            return pick(value, reference.path)
        except NothingThere as error:
            target = f"{reference.kind} {reference.node!r}" if reference.node else reference.kind
            raise BadReference(f"{target} with path {reference.path!r}: {error}") from None

    def _count(self, size: int) -> None:
        self.size += size
        if self.size > self._most:
            raise BadReference(f"the values together have more than {self._most} bytes")
