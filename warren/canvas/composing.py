"""The half of a Task that makes signatures."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from warren.canvas.parameters import Parameters
from warren.canvas.shapes import Group, group
from warren.canvas.steps import Mapped, Step, step

if TYPE_CHECKING:
    from warren.task import Task


class Composing:
    """`task.s(...)` and its kin: calls that wait to be put together."""

    def s(self, *args: Any, **kwargs: Any) -> Step:
        """A call; the value of the step before it, if there is one, comes first."""
        return step(self._as_task, *args, **kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Step:
        """A call that ignores the value of the step before it, and only comes after it."""
        task = self._as_task
        return Step(Parameters.of(task), args, kwargs, immutable=True, task=task)

    def map(self, items: Iterable[Any] | None = None, /, **kwargs: Any) -> Mapped:
        """A job for each element; without `items`, of the list that the step before gives."""
        given = None if items is None else tuple(items)
        return self._mapped(given, kwargs, spread=False)

    def starmap(self, items: Iterable[Iterable[Any]] | None = None, /, **kwargs: Any) -> Mapped:
        """A job for each list of arguments; without `items`, of those that the step before gives.

        Of lists that come from a step, as many arguments are taken as the task needs.
        """
        given = None if items is None else tuple(tuple(each) for each in items)
        return self._mapped(given, kwargs, spread=True)

    def chunks(self, items: Iterable[Iterable[Any]], n: int, /, **kwargs: Any) -> Group:
        """`starmap` in portions of `n`, each of which runs its jobs one after the other.

        Gives a list of lists. Every call is a job of its own: one that fails is retried alone.
        """
        if n < 1:
            raise ValueError(f"chunks(..., {n}): a portion has at least one element")
        rest = iter(items)
        portions = iter(lambda: list(islice(rest, n)), [])
        return group(self.starmap(each, **kwargs).set(max_parallel=1) for each in portions)

    def _mapped(
        self, items: tuple[Any, ...] | None, kwargs: dict[str, Any], *, spread: bool
    ) -> Mapped:
        task = self._as_task
        return Mapped(
            Parameters.of(task), (), kwargs, immutable=items is not None, task=task, items=items,
            spread=spread,
        )  # fmt: skip

    @property
    def _as_task(self) -> Task[..., Any]:
        return cast("Task[..., Any]", self)
