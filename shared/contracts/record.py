"""Records: dataclasses that the type checker holds frozen, and that cost little to make.

A frozen dataclass sets each field through a slow path: with 27 fields that is 19 µs instead of 3
(docs/decisions/0014). A job has twice as many by now, of which most have their default, and is made
at least three times on its way: it holds only those that have not, and takes a microsecond.
"""

from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Make a class with slots and keyword-only fields; nobody may assign to them."""
    return dataclass(slots=True, kw_only=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def sparse_record(cls: type[T]) -> type[T]:
    """The same for many fields: their defaults stand on the class, see `holding`."""
    return dataclass(kw_only=True)(cls)


def holding(cls: type[T], values: dict[str, Any]) -> T:
    """Return a sparse record with these values, which become its own; the others are defaults."""
    made = object.__new__(cls)
    made.__dict__ = values
    return made
