"""Conversations with the service as plain generators, so that both clients speak alike.

A conversation yields a Call to be made or a Pause to be slept, is sent the Answer to each call
(or is thrown Unreachable), and returns what it was for. It does no I/O and owns no clock.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

T = TypeVar("T")

USUAL_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Call:
    """One HTTP request; it may be repeated without harm."""

    method: str
    path: str
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = USUAL_TIMEOUT_S


@dataclass(frozen=True)
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Pause:
    """A wish to be resumed later."""

    seconds: float


Talk: TypeAlias = Generator[Call | Pause, Answer | None, T]
