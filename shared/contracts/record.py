"""Records: dataclasses that the type checker holds frozen, and that cost little to make.

A frozen dataclass sets each field through a slow path: for a job with its 27 fields that is 19 µs
instead of 3, and every job is made at least three times on its way (docs/decisions/0014).
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Make a class with slots and keyword-only fields; nobody may assign to them."""
    return dataclass(slots=True, kw_only=True)(cls)
