"""One job for each element of a list: which may start, and what they give together."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from shared.contracts.moves import Status
from shared.contracts.workflow.bits import places_in
from shared.contracts.workflow.faults import BadReference
from shared.contracts.workflow.names import MOST_NODES, node_id, path_under, seed_of
from shared.contracts.workflow.resolution import Known
from shared.contracts.workflow.run_if import Parents


def elements_of(value: Any, *, node: str) -> list[Any]:
    """Return the list that a node's `foreach` resolved to; raise BadReference if it is none."""
    if not isinstance(value, list):
        raise BadReference(f"`foreach` of node {node} needs a list and got {_kind(value)}")
    if len(value) > MOST_NODES:
        raise BadReference(
            f"`foreach` of node {node} got {len(value)} elements, more than {MOST_NODES}"
        )
    return value


def element_ids(node_job_id: str, indexes: Iterable[int], *, run: int = 0) -> Iterator[str]:
    """Yield the job ids of these elements: the same whenever the list is expanded again."""
    seed = seed_of(node_job_id, run=run, growth="foreach")
    return (node_id(seed, index) for index in indexes)


def element_path(node_path: str, index: int) -> str:
    """Return the path of an element: `fetch/17`."""
    return path_under(node_path, str(index))


def may_start(elements: Parents, most: int | None) -> int:
    """Return how many elements may have been started: the first so many, in declared order.

    At most `most` of them run at once, and as soon as one ends the next may start. It only grows,
    so whoever opens the elements below it twice, or late, opens none too many.
    """
    if most is None:
        return elements.total
    ended = elements.total - elements.open.bit_count()
    return min(elements.total, ended + most)


def next_to_start(elements: Parents, most: int | None, *, opened: int) -> list[int]:
    """Return which elements at place `opened` or behind may start now.

    They are among the first `most` that have not ended: in a first run those of `may_start`, and
    where only some run again, the first so many of these.
    """
    places = places_in(elements.open)
    return [place for place in islice(places, most) if place >= opened]


def end_of_elements(elements: Parents) -> Status:
    """Return how a node ends when all its elements have: it failed if one of them did not succeed.

    The error to show is that of the first to fail in time; the others run to their ends.
    """
    return Status.SUCCEEDED if elements.good.bit_count() == elements.total else Status.FAILED


def collected(elements: Iterable[Known]) -> list[Any]:
    """Return the list of the results in declared order, null for an element without one.

    What joined an element follows it.
    """
    values: list[Any] = []
    for element in elements:
        values.append(None if element.missing else element.value)
        values += element.joined
    return values


def _kind(value: Any) -> str:
    names = {dict: "an object", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
