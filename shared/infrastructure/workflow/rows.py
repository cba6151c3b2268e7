"""How nodes and graphs lie in MongoDB: one document each, sets of places as words of 62 bits.

A word changes by `$bit`, which may be repeated: whoever tells a node twice that a parent has ended
changes nothing the second time. Templates are JSON text, as all data of users is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from bson.int64 import Int64

from shared.contracts.bands import USUAL
from shared.contracts.moves import Status
from shared.contracts.record import holding, sparse_record
from shared.contracts.workflow.bits import FULL, from_words, masks, to_words
from shared.contracts.workflow.run_if import Parents, Rule, RunIf, Signal
from shared.infrastructure.mongo import Document

SETS = ("good", "failed", "forgiven", "upstream")
"""The sets of parents that ended so; the others of those that are not open were idle."""

WAITING, STARTED, ENDED = "waiting", "started", "ended"
"""How far a node has come: its parents are open, its job may run, all of it is over."""


_NONE = Parents.waiting(0)
_USUAL_RULE = RunIf()
_OPTIONAL = (
    *("task", "of", "edges", "template", "foreach", "max_parallel", "job", "queue", "tags", "keys"),
    *("tolerate", "hook", "timed"),
)
_optional_of = attrgetter(*_OPTIONAL)


@sparse_record
class NodeRow:
    """One node as it stands."""

    id: str  # also of its job, if it is one job
    graph: str
    workflow_id: str
    n: int  # its index in the graph
    path: str
    parents: Parents
    task: str | None = None
    run_if: RunIf = RunIf()
    tolerate: bool = False
    hook: bool = False
    timed: bool = False  # its jobs have a time of their own to wait for
    of: tuple[int, ...] = ()  # the indexes of its parents
    edges: tuple[int, ...] = ()  # child, place, child, place, ...
    needs: tuple[tuple[str, int], ...] = ()  # names that its template refers to, and their indexes
    template: str | None = None  # of a node without a job of its own (JSON text)
    foreach: str | None = None  # a template that gives the list (JSON text)
    max_parallel: int | None = None
    elements: Parents | None = None  # of a foreach, once its list is known
    job: Document | None = None  # what its job looks like, of a list each element's; see planting
    queue: str = ""
    priority: int = USUAL
    tags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()  # that its jobs need
    state: str = WAITING
    signal: Signal | None = None
    status: Status | None = None  # its end
    cause: Document | None = None  # why it has no result: an error object
    ended_at: datetime | None = None
    run: int = 0
    list_run: int = 0  # in which run the list became known

    @property
    def single(self) -> bool:
        """Say whether one job with the node's own id does its work."""
        return self.task is not None and self.foreach is None

    @property
    def is_first(self) -> bool:
        """Say whether its job could run as soon as its graph counted."""
        return self.single and self.job is not None and self.state == STARTED


def node_document(row: NodeRow) -> Document:
    """Return what is stored for a node of a graph that has just been accepted."""
    document: Document = {
        "_id": row.id,
        "graph": row.graph,
        "workflow_id": row.workflow_id,
        "n": row.n,
        "path": row.path,
        "state": row.state,
        "total": row.parents.total,
        "run": row.run,
        **words_of("", row.parents),
    }
    if rule := stored_rule(row.run_if):
        document["run_if"] = rule
    for name, value in zip(_OPTIONAL, _optional_of(row), strict=True):
        if value:
            document[name] = list(value) if type(value) is tuple else value
    if row.priority != USUAL:
        document["priority"] = row.priority
    if row.needs:
        document["needs"] = [list(each) for each in row.needs]
    return document


def stored_rule(run_if: RunIf) -> list[Any] | None:
    """Return how the condition of a node is stored; None for the usual one."""
    return None if run_if == _USUAL_RULE else [run_if.rule.value, run_if.least]


def node_row(document: Mapping[str, Any]) -> NodeRow:
    """Return the node that a document holds."""
    values = {**document, "id": document["_id"], "parents": parents_in(document, "")}
    for name, restore in _RESTORE.items():
        if name in values:
            values[name] = restore(values[name])
    if elements := document.get("elements"):
        values |= {"elements": parents_in(elements, ""), "list_run": elements.get("run", 0)}
    return holding(NodeRow, values)


def words_of(prefix: str, parents: Parents) -> Document:
    """Return the fields that hold these sets."""
    total = parents.total
    if not total:
        return {f"{prefix}{name}": [] for name in ("open", *SETS)}
    fields = {f"{prefix}open": _stored(to_words(parents.open, total))}
    for name in SETS:
        fields[f"{prefix}{name}"] = _stored(to_words(getattr(parents, name), total))
    return fields


def parents_in(document: Mapping[str, Any], prefix: str) -> Parents:
    """Return the sets that a document holds."""
    if not document["total"]:
        return _NONE
    return Parents(
        total=document["total"],
        open=from_words(document[f"{prefix}open"]),
        **{name: from_words(document[f"{prefix}{name}"]) for name in SETS},
    )


def tell(places: Iterable[int], signal: Signal, *, prefix: str = "") -> Document:
    """Return the `$bit` changes that note that the parents at these places ended so."""
    changes: Document = {}
    for number, mask in masks(places).items():
        changes[f"{prefix}open.{number}"] = {"and": Int64(FULL & ~mask)}
        if signal.value in SETS:
            changes[f"{prefix}{signal.value}.{number}"] = {"or": Int64(mask)}
    return changes


def _stored(words: Sequence[int]) -> list[Int64]:
    return [Int64(word) for word in words]


_RESTORE: dict[str, Callable[[Any], Any]] = {
    "run_if": lambda stored: RunIf(Rule(stored[0]), stored[1]),
    "of": tuple,
    "edges": tuple,
    "needs": lambda stored: tuple((name, n) for name, n in stored),
    "tags": tuple,
    "keys": tuple,
    "signal": Signal,
    "status": Status,
}
