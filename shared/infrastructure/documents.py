"""How a Job lies in MongoDB: absent fields have their default, input and result are JSON text.

Text keeps the client's data out of BSON's reach: no key, depth or number of a user can be refused
by the database, read as an operator, or spoil the neighbours in a batch (docs/decisions/0004).
"""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from shared.contracts.attempt import Backoff, Claim, Failure, PastAttempt, Progress
from shared.contracts.job import Job
from shared.contracts.limits.names import Charge
from shared.contracts.moves import Status
from shared.contracts.record import holding
from shared.contracts.slot import Slot
from shared.infrastructure.mongo import Document

_PLAIN = frozenset({str, int, float, datetime, bool})
_PARTS = (Backoff, Charge, Claim, Failure, PastAttempt, Progress, Slot)
_ALWAYS = ("version", "priority")  # changed by $inc, ordered by an index
_DEFAULTS = {f.name: f.default for f in fields(Job) if f.name not in ("id", "status", "published")}
_NAMES, _VALUES = tuple(_DEFAULTS), tuple(_DEFAULTS.values())
_all_of = attrgetter(*_NAMES)


def to_document(job: Job) -> Document:
    """Return what is stored for a job that has just been accepted."""
    document: Document = {"_id": job.id, "status": job.status.value, "published": job.published}
    for name, default, value in zip(_NAMES, _VALUES, _all_of(job), strict=True):
        if value is not default and value != default:  # the first is cheap, and mostly enough
            document[name] = value if type(value) in _PLAIN else stored_value(value)
    for name in _ALWAYS:
        document[name] = getattr(job, name)
    return document


def stored_value(value: Any) -> Any:
    """Return how the value of a job's field lies in its document."""
    if isinstance(value, tuple):
        return [stored_value(each) for each in value]
    if isinstance(value, _PARTS):
        return {f.name: stored_value(getattr(value, f.name)) for f in fields(value)}
    return value


def changed_fields(before: Job, after: Job) -> Iterator[tuple[str, Any, bool]]:
    """Yield name, value and whether that is the default, for each field that a move changed.

    The version is left out: each store adds one to it.
    """
    for name, default in _DEFAULTS.items():
        value = getattr(after, name)
        if name != "version" and value != getattr(before, name):
            yield name, value, value == default and name not in _ALWAYS


def from_document(document: Document) -> Job:
    """Return the job that is stored in `document`, which is used up by this."""
    document["id"] = document.pop("_id")
    document["status"] = Status(document["status"])
    for name, restore in _RESTORE.items():
        if name in document:
            document[name] = restore(document[name])
    return holding(Job, document)  # what a newer version of us has stored beside is let be


def failure_document(failure: Failure) -> Document:
    """Return what is stored for an error."""
    return {f.name: getattr(failure, f.name) for f in fields(Failure)}


def _past_attempt(stored: Document) -> PastAttempt:
    if stored.get("error"):
        stored["error"] = Failure(**stored["error"])
    return PastAttempt(**stored)


_RESTORE: dict[str, Any] = {
    "tags": tuple,
    "keys": tuple,
    "claim": lambda stored: Claim(**stored),
    "error": lambda stored: Failure(**stored),
    "progress": lambda stored: Progress(**stored),
    "backoff": lambda stored: Backoff(**stored),
    "slot": lambda stored: Slot(**stored),
    "limits": lambda stored: tuple(Charge(**each) for each in stored),
    "past_attempts": lambda stored: tuple(map(_past_attempt, stored)),
}
