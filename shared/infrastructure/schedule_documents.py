"""How a Schedule lies in MongoDB: spans in milliseconds, absent fields have their default."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from shared.contracts.schedule import Held, Making, Overlap, Schedule
from shared.infrastructure.documents import from_document, to_document
from shared.infrastructure.mongo import Document

_NAMES = frozenset(f.name for f in fields(Schedule)) - {"id", "template"}
STORED = sorted(_NAMES | {"template"})
"""The names of the stored fields, `_id` aside."""

_DEFAULTS = {f.name: f.default for f in fields(Schedule)}
_SPANS = ("every", "phase", "jitter", "delay", "expires_in", "catch_up")
_STATE = (
    *("cursor", "paused", "note", "making", "buffered", "fired", "skipped", "missed"),
    *("next_at", "updated_at"),
)
_MILLISECOND = timedelta(milliseconds=1)


def whole_document(schedule: Schedule) -> Document:
    """Return what is stored for a schedule."""
    document: Document = {
        name: _stored(value)
        for name in _NAMES
        if (value := getattr(schedule, name)) != _DEFAULTS[name]
    }
    # Its task and whether it is paused can be asked for in a list.
    told = {"task": schedule.template.task, "paused": schedule.paused, "rev": schedule.rev}
    return {"_id": schedule.id, **document, **told, "template": to_document(schedule.template)}


def changed_state(schedule: Schedule, *, rev: int) -> Document:
    """Return the update that stores the state of a schedule, under a new revision."""
    kept: Document = {"rev": rev}
    gone: Document = {}
    for name in _STATE:
        value = getattr(schedule, name)
        if value == _DEFAULTS[name] and name != "paused":
            gone[name] = ""
        else:
            kept[name] = _stored(value)
    return {"$set": kept, "$unset": gone} if gone else {"$set": kept}


def to_schedule(document: Document) -> Schedule:
    """Return the schedule that is stored in `document`."""
    known = {name: value for name, value in document.items() if name in _NAMES}
    for name in _SPANS:
        if name in known:
            known[name] = known[name] * _MILLISECOND
    for name, restore in _RESTORE.items():
        if name in known:
            known[name] = restore(known[name])
    template = from_document(dict(document["template"]))
    return Schedule(id=document["_id"], template=template, **known)


def advanced(schedule: Schedule) -> Schedule:
    """Return a schedule as it is in the store once a write of it has taken effect."""
    return replace(schedule, rev=schedule.rev + 1)


def _stored(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value // _MILLISECOND
    if isinstance(value, tuple):
        return [_stored(each) for each in value]
    if isinstance(value, Making):
        return {"nominal_at": value.nominal_at, "job_id": value.job_id}
    if isinstance(value, Held):
        held = {"nominal_at": value.nominal_at, "until": value.until, "cancels": value.cancels}
        return {name: each for name, each in held.items() if each}
    return value.value if isinstance(value, Overlap) else value


_RESTORE: dict[str, Any] = {
    "overlap": Overlap,
    "making": lambda stored: tuple(Making(**each) for each in stored),
    "buffered": lambda stored: tuple(Held(**each) for each in stored),
}
