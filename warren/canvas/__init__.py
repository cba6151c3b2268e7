"""Composing tasks into workflows: signatures, chains, groups, chords; compiled to one document."""

from __future__ import annotations

from warren.canvas.shapes import Chain, Group, chain, chord, group
from warren.canvas.signature import Signature
from warren.canvas.steps import Mapped, Step, by_name

__all__ = [
    "Chain",
    "Group",
    "Mapped",
    "Signature",
    "Step",
    "by_name",
    "chain",
    "chord",
    "group",
]
