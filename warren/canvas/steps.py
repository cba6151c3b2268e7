"""The smallest signatures: one call of a task, and one call for each element of a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from warren.canvas.draft import Draft, Flow, left_over
from warren.canvas.parameters import Parameters
from warren.canvas.signature import Signature
from warren.canvas.templates import (
    ITEM,
    errors_for_results,
    literal,
    references,
    refuse_reserved,
    result_of,
    unwrapped,
)
from warren.submission import FIELDS, sendable

if TYPE_CHECKING:
    from warren.task import Task

_OPTIONS = FIELDS | {"run_if", "tolerate"}


@dataclass(frozen=True, eq=False)
class Step(Signature):
    """One call of a task, perhaps with arguments still open."""

    parameters: Parameters
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    immutable: bool = False  # the value of the step before is ignored
    name: str | None = None
    task: Task[..., Any] | None = None  # None: known by its name only

    def __post_init__(self) -> None:
        self.parameters.bound(self.args, self.kwargs)  # what cannot fit is told at once

    def named(self, name: str) -> Step:
        """The same under a name of your choice: that of its node in the workflow."""
        return replace(self, name=name)

    def nodes_into(self, draft: Draft, flow: Flow) -> Flow:
        """Add one node."""
        arguments = _Arguments(draft)
        node = self.node(arguments, self._given(flow), flow.keywords)
        if after := left_over(node, (*flow.tails, *arguments.tails)):
            node["after"] = after
        if flow.run_if:
            node["run_if"] = flow.run_if
        like = self.parameters.task.rpartition(".")[2][:90]
        name = draft.add(node, like=like, name=self.name, fields=self.checked_fields())
        return Flow((result_of(name),), (name,))

    def node(
        self, arguments: _Arguments, values: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The node, without what is said of its place."""
        kwargs = {**keywords, **arguments.named(self.kwargs)}
        given = self.parameters.bound((*values, *arguments.listed(self.args)), kwargs)
        self.parameters.check_complete(given)
        if self.task is not None and next(references(given), None) is None:
            given = literal(self.task.checked(unwrapped(given)))
        return {"task": self.parameters.task, "input": given}

    def checked_fields(self, options: frozenset[str] = _OPTIONS) -> dict[str, Any]:
        """The fields as the service reads them; TypeError for one that does not exist."""
        if unknown := self.fields.keys() - options:
            raise TypeError(f"a step of {self.parameters.task!r} has no field {min(unknown)!r}")
        return sendable(self.fields)

    def _given(self, flow: Flow) -> tuple[Any, ...]:
        if self.immutable:
            return ()
        if self.fields.get("run_if") == "any_failed":
            return tuple(map(errors_for_results, flow.values))
        return flow.values

    def __repr__(self) -> str:
        shown = [*map(repr, self.args), *(f"{k}={v!r}" for k, v in self.kwargs.items())]
        return f"{self.parameters.task}({', '.join(shown)})"


@dataclass(frozen=True, eq=False)
class Mapped(Step):
    """One job for each element of a list; its value is the list of their results, in order."""

    items: tuple[Any, ...] | None = None  # None: those of the step before
    spread: bool = False  # an element is the list of all open arguments, not the first of them

    def node(
        self, arguments: _Arguments, values: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The node, without what is said of its place."""
        kwargs = {**keywords, **arguments.named(self.kwargs)}
        if self.items is None:
            foreach, given = self._source(values), self._element(kwargs)
        elif self.spread:
            foreach = [self._complete(literal(list(pair)), kwargs) for pair in self.items]
            given = ITEM
        else:
            foreach, given = literal(list(self.items)), self._complete([ITEM], kwargs)
        return {"task": self.parameters.task, "foreach": foreach, "input": given}

    def checked_fields(self, options: frozenset[str] = _OPTIONS) -> dict[str, Any]:
        """The fields as the service reads them; `max_parallel` is one of these too."""
        return super().checked_fields(options | {"max_parallel"})

    def _source(self, values: tuple[Any, ...]) -> Any:
        if not values:
            raise TypeError(f"nothing gives {self!r} a list to go through")
        return values[0]

    def _element(self, kwargs: Mapping[str, Any]) -> Any:
        if not self.spread:
            return self._complete([ITEM], kwargs)
        count = len(self.parameters.without_value(kwargs))
        return self._complete([{"$item": f"/{i}"} for i in range(count)], kwargs)

    def _complete(self, values: list[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        given = self.parameters.bound(values, kwargs)
        self.parameters.check_complete(given)
        return given

    def __repr__(self) -> str:
        how = "starmap" if self.spread else "map"
        shown = "" if self.items is None else f"{len(self.items)} elements"
        return f"{self.parameters.task}.{how}({shown})"


class _Arguments:
    """Makes templates of arguments; signatures among them become nodes of their own."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.tails: list[str] = []

    def listed(self, values: Iterable[Any]) -> list[Any]:
        return [self._template(value) for value in values]

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._template(value) for name, value in values.items()}

    def _template(self, value: Any) -> Any:
        if not _holds_signature(value):
            return literal(value)
        if isinstance(value, Signature):
            flow = self._draft.argument(value)
            self.tails += flow.tails
            return flow.values[0]
        if isinstance(value, Mapping):
            refuse_reserved(set(value))
            return self.named(value)
        return self.listed(value)


def step(task: Task[..., Any], *args: Any, **kwargs: Any) -> Step:
    """A call of a task."""
    return Step(Parameters.of(task), args, kwargs, task=task)


def by_name(task: str, *, into: str | None = None, **input: Any) -> Step:
    """A call of a task that another program declares; the value before it goes `into` that one."""
    return Step(Parameters(task, (into,) if into else ()), (), input)


def _holds_signature(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_signature, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_signature, value))
    return isinstance(value, Signature)
