"""How a Job lies in MongoDB: absent fields have their default, input and result are JSON text.

Text keeps the client's data out of BSON's reach: no key, depth or number of a user can be refused
by the database, read as an operator, or spoil the neighbours in a batch (docs/decisions/0004).
"""

from dataclasses import fields
from typing import Any

from shared.contracts.job import Claim, Failure, Job, PastAttempt, Progress, Status
from shared.infrastructure.mongo import Document

_KNOWN = frozenset(f.name for f in fields(Job))
_ALWAYS = ("version", "priority")  # changed by $inc, ordered by an index
_DEFAULTS = {f.name: f.default for f in fields(Job) if f.name not in ("id", "status", "published")}


def to_document(job: Job) -> Document:
    """Return what is stored for a job that has just been accepted."""
    document: Document = {"_id": job.id, "status": job.status.value, "published": job.published}
    for name, default in _DEFAULTS.items():
        value = getattr(job, name)
        if value != default or name in _ALWAYS:
            document[name] = list(value) if isinstance(value, tuple) else value
    return document


def from_document(document: Document) -> Job:
    """Return the job that is stored in `document`, which is used up by this."""
    document["id"] = document.pop("_id")
    document["status"] = Status(document["status"])
    for name, restore in _RESTORE.items():
        if name in document:
            document[name] = restore(document[name])
    try:
        return Job(**document)
    except TypeError:  # a newer version of us has stored fields that we do not know
        return Job(**{name: value for name, value in document.items() if name in _KNOWN})


def failure_document(failure: Failure) -> Document:
    """Return what is stored for an error."""
    return {f.name: getattr(failure, f.name) for f in fields(Failure)}


def past_attempt_document(past: PastAttempt) -> Document:
    """Return what is stored for an attempt that did not end its job."""
    return {f.name: getattr(past, f.name) for f in fields(PastAttempt)}


_RESTORE: dict[str, Any] = {
    "tags": tuple,
    "claim": lambda stored: Claim(**stored),
    "error": lambda stored: Failure(**stored),
    "progress": lambda stored: Progress(**stored),
    "past_attempts": lambda stored: tuple(PastAttempt(**each) for each in stored),
}
