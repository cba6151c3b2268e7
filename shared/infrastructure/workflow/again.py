"""What is to be run again in a graph, as it is noted there."""

from collections.abc import Iterable, Mapping
from typing import Any

from bson.int64 import Int64

from shared.contracts.record import record
from shared.contracts.workflow.bits import from_words, places_in, set_of, to_words
from shared.infrastructure.mongo import Document


@record
class Again:
    """What is to be run again in one graph."""

    nodes: frozenset[int]  # they start anew
    inside: frozenset[int] = frozenset()  # only what failed in them does
    forced: int | None = None  # runs whatever its condition says
    passed: int | None = None  # was skipped by hand
    edited: Mapping[str, Any] | None = None  # input, templated and needs of the forced one

    @property
    def touched(self) -> frozenset[int]:
        """Return all nodes whose ends do not count any more."""
        return self.nodes | self.inside


def note_of(again: Again, run: int) -> Document:
    """Return how it is noted on the graph whose run it begins."""
    note: Document = {
        "run": run,
        "nodes": words_for(again.nodes),
        "inside": words_for(again.inside),
    }
    for name in ("forced", "passed", "edited"):
        if (value := getattr(again, name)) is not None:
            note[name] = value
    return note


def read_note(note: Document) -> tuple[Again, int]:
    """Return what is noted, and which run it begins."""
    again = Again(
        nodes=frozenset(places_in(from_words(note["nodes"]))),
        inside=frozenset(places_in(from_words(note["inside"]))),
        forced=note.get("forced"),
        passed=note.get("passed"),
        edited=note.get("edited"),
    )
    return again, note["run"]


def words_for(places: Iterable[int], total: int | None = None) -> list[Int64]:
    """Return a set of places as it is stored."""
    bits = set_of(places)
    return [Int64(word) for word in to_words(bits, bits.bit_length() if total is None else total)]
