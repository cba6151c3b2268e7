"""Reads what a function's docstring says: a title, a description, a line for each parameter."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_SPHINX = re.compile(r"^:param (?:[^:]*\s)?(\w+):\s*(.+)$")
_GOOGLE = re.compile(r"^\s+\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.+)$")
_GOOGLE_HEAD = re.compile(r"^(Args|Arguments|Parameters):\s*$")


@dataclass(frozen=True)
class Docstring:
    """The text of a docstring and its parts."""

    text: str = ""
    title: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, fn: Callable[..., Any]) -> Docstring:
        """Read the function's docstring; parameters may be described as Google or Sphinx do."""
        text = inspect.getdoc(fn) or ""
        title = text.partition("\n")[0].strip().removesuffix(".")
        return cls(text, title, _parameters(text.splitlines()))


def _parameters(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    under_args = False
    for line in lines:
        if line and not line[0].isspace():
            under_args = _GOOGLE_HEAD.match(line) is not None
        match = _GOOGLE.match(line) if under_args else _SPHINX.match(line)
        if match:
            found.setdefault(match[1], match[2].strip())
    return found
