"""Whether an error is worth another attempt: what it is, and what its task says of its kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from warren.errors import CannotGrow, GiveUp, InvalidInput, RateLimited, Retry, Unserialisable

_FINAL = (GiveUp, InvalidInput, Unserialisable, CannotGrow)
_AGAIN = (Retry, RateLimited)


class Verdict:
    """A task's `never_retry` and `always_retry`; without them every error may pass."""

    def __init__(
        self,
        task: str,
        never: Iterable[type[BaseException]] = (),
        always: Iterable[type[BaseException]] = (),
    ) -> None:
        self.never = _classes(task, "never_retry", never)
        self.always = _classes(task, "always_retry", always)
        if both := set(self.never) & set(self.always):
            names = ", ".join(sorted(kind.__name__ for kind in both))
            raise ValueError(f"task {task!r} has {names} in never_retry and in always_retry")

    def retryable(self, error: BaseException) -> bool:
        """Whether another attempt may help: the nearest class of the error in a list decides.

        Before the lists: GiveUp, InvalidInput, Unserialisable and CannotGrow never are, Retry and
        RateLimited always.
        """
        if isinstance(error, _FINAL):
            return False
        if isinstance(error, _AGAIN):
            return True
        for kind in type(error).__mro__:
            if kind in self.never or kind in self.always:
                return kind in self.always
        return True


def _classes(task: str, option: str, given: Any) -> tuple[type[BaseException], ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"task {task!r}: {option} is a list of exceptions, not {given!r}")
    kinds = tuple(given)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(f"task {task!r}: {option} lists exceptions, and {kind!r} is none")
        if issubclass(kind, _FINAL + _AGAIN):
            raise ValueError(
                f"task {task!r}: {option} cannot hold {kind.__name__}, which decides for itself"
            )
    return kinds
