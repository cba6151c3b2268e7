"""How a limit lies in MongoDB: what a take reads is flat, what outcomes changed stands apart."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from shared.contracts.limits.breaker import Breaker, State
from shared.contracts.limits.bucket import Bucket
from shared.contracts.limits.definition import Definition
from shared.contracts.limits.level import Level
from shared.contracts.limits.pace import Pace
from shared.contracts.limits.standing import Entry, Standing, held_now, is_probing, pace_now
from shared.contracts.record import record
from shared.infrastructure.mongo import Document

NOW_MS: Document = {"$toDouble": {"$toLong": "$$NOW"}}
"""The database's time in milliseconds."""

_LAST_MS = datetime(9999, 12, 31, tzinfo=UTC).timestamp() * 1000
_BUCKET: Document = {
    "full_at": 0.0,
    "busy_since": 0.0,
    "last_at": 0.0,
    "margin": 0.0,
    "lined": False,
    "line_ends": 0.0,
    "grants": {},
}


@record
class Limit:
    """A limit as it was read, at `now` in milliseconds of the database's clock."""

    name: str
    definition: Definition
    standing: Standing
    bucket: Bucket
    now: float
    rev: int = 0
    of: str | None = None  # the default from which it was made


def new_document(
    name: str, definition: Definition, *, of: str | None = None, rev: int = 1
) -> Document:
    """Return what is stored for a limit that nobody has used."""
    return {"_id": name, **_BUCKET, **defined(definition, Standing(), of=of), "rev": rev}


def defined(definition: Definition, standing: Standing, *, of: str | None) -> Document:
    """Return the fields of a definition and of how it stands, as plain values."""
    pace = pace_now(definition, standing)
    made = {} if of is None else {"of": of}
    return {
        "definition": definition.told(),
        **made,
        "spacing": pace.spacing,
        "cap": pace.cap,
        "slack": pace.slack,
        **stood(definition, standing),
    }


def stood(definition: Definition, standing: Standing) -> Document:
    """Return the fields that say how a limit stands, its pace aside."""
    return {
        "held_until": held_now(definition, standing),
        "probing": is_probing(definition, standing),
        "level": asdict(standing.level),
        "breaker": {**asdict(standing.breaker), "state": standing.breaker.state.value},
        "asked_until": standing.held_until,
        "history": [{**asdict(each), "breaker": each.breaker.value} for each in standing.history],
    }


def instant(at_ms: float) -> datetime:
    """Return the instant of so many milliseconds, or the last one that a calendar has."""
    return datetime.fromtimestamp(min(at_ms, _LAST_MS) / 1000, UTC)


def repaced(pace: Pace) -> Document:
    """Return the changes that give a limit another pace; what was taken stays taken, in tokens."""
    owed = {"$max": [0.0, {"$subtract": ["$full_at", NOW_MS]}]}
    scale = {"$cond": [{"$gt": ["$spacing", 0]}, {"$divide": [pace.spacing, "$spacing"]}, 0.0]}
    # Without a change nothing is computed: rounding must not move the bucket.
    other = {"$ne": ["$spacing", pace.spacing]}
    full_at = {"$cond": [other, {"$add": [NOW_MS, {"$multiply": [owed, scale]}]}, "$full_at"]}
    margin = {"$cond": [other, 0.0, "$margin"]}
    changed = {"full_at": full_at, "margin": margin}
    return {**changed, "spacing": pace.spacing, "cap": pace.cap, "slack": pace.slack}


def to_limit(document: Document) -> Limit:
    """Return the limit that was read as `document`."""
    pace = Pace(**{name: document[name] for name in ("spacing", "cap", "slack")})
    bucket = {name: document[name] for name in _BUCKET if name != "grants"}
    held = {name: document[name] for name in ("held_until", "probing")}
    return Limit(
        name=document["_id"],
        definition=Definition.model_validate(document["definition"]),
        standing=_standing(document),
        bucket=Bucket(pace=pace, **bucket, **held),
        now=document["now"],
        rev=document["rev"],
        of=document.get("of"),
    )


def _standing(document: Document) -> Standing:
    breaker = {**document["breaker"], "state": State(document["breaker"]["state"])}
    return Standing(
        level=Level(**document["level"]),
        breaker=Breaker(**breaker),
        held_until=document["asked_until"],
        history=tuple(map(_entry, document["history"])),
    )


def _entry(stored: dict[str, Any]) -> Entry:
    return Entry(**{**stored, "breaker": State(stored["breaker"])})
