"""Which parameters of a task the arguments of a signature fill."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warren.task import Task


@dataclass(frozen=True)
class Parameters:
    """The parameters of a task, as far as they are known here."""

    task: str
    positional: tuple[str, ...]
    required: tuple[str, ...] = ()
    known: frozenset[str] | None = None  # None: the task is known by its name only

    @classmethod
    def of(cls, task: Task[..., Any]) -> Parameters:
        """Those of a task at hand."""
        shown = task.signature.public.parameters
        positional = (n for n, p in shown.items() if p.kind is p.POSITIONAL_OR_KEYWORD)
        needed = (n for n, p in shown.items() if p.default is inspect.Parameter.empty)
        return cls(task.name, tuple(positional), tuple(needed), frozenset(shown))

    def bound(self, values: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by name: the values go to the first parameters that no keyword fills."""
        if self.known is not None and (unknown := keywords.keys() - self.known):
            raise TypeError(f"task {self.task!r} has no parameter {min(unknown)!r}")
        open_ = [name for name in self.positional if name not in keywords]
        if len(values) > len(open_):
            raise TypeError(
                f"task {self.task!r} is given {len(values)} values and has {len(open_)} parameters"
                " left for them; as .si(...) it ignores the value of the step before"
            )
        return {**dict(zip(open_, values, strict=False)), **keywords}

    def without_value(self, keywords: Mapping[str, Any]) -> list[str]:
        """The positional parameters that must be given and are not among the keywords."""
        return [n for n in self.positional if n in self.required and n not in keywords]

    def check_complete(self, given: Mapping[str, Any]) -> None:
        """Raise TypeError if a parameter without a default has no value."""
        if missing := [name for name in self.required if name not in given]:
            raise TypeError(f"task {self.task!r} misses a value for {', '.join(missing)}")
