"""A limit as clients see it."""

from datetime import datetime
from typing import Any

from shared.contracts.limits.breaker import State
from shared.contracts.limits.bucket import Ask, earliest, room
from shared.contracts.limits.standing import Entry, Standing, is_shadow, permitted_now
from shared.infrastructure.limit_documents import Limit, instant

Facts = dict[str, Any]


def limit_view(limit: Limit, *, waiting: int) -> Facts:
    """Return the members of a limit; `waiting` jobs stand in its line."""
    definition, standing = limit.definition, limit.standing
    permitted = permitted_now(definition, standing)
    free = room(limit.bucket, until=limit.now, now=limit.now)
    return {
        "name": limit.name,
        **_rule(limit),
        "of": limit.of,
        "room": None if free == float("inf") else round(free, 3),
        "room_at": _instant(earliest(limit.bucket, Ask(), limit.now)),
        "waiting": waiting,
        "held_until": _instant(limit.bucket.held_until, after=limit.now),
        "level": None if permitted is None else round(standing.level.level, 2),
        "permitted": None if permitted is None else round(permitted, 3),
        "shadow": is_shadow(definition),
        "breaker": None if definition.breaking is None else _breaker(standing, limit.now),
        "history": list(map(_entry, standing.history)),
        "links": {"self": f"/v1/limits/{limit.name}"},
    }


def _rule(limit: Limit) -> Facts:
    definition = limit.definition
    if definition.learned is not None:
        learned = definition.learned.model_dump()
        return {"rate": None, "per_s": None, "burst": None, "learned": learned}
    return {
        "rate": definition.rate,
        "per_s": definition.per_s,
        "burst": definition.burst,
        "learned": None,
    }


def _breaker(standing: Standing, now: float) -> Facts:
    breaker = standing.breaker
    is_open = breaker.state is State.OPEN
    return {
        "state": breaker.state,
        "until": _instant(breaker.until, after=now) if is_open else None,
        "calls": breaker.calls + breaker.calls_before,
        "failures": breaker.failures + breaker.failures_before,
        "share": 0.0 if is_open else breaker.share,
    }


def _entry(entry: Entry) -> Facts:
    return {
        "at": _instant(entry.at),
        "level": entry.level,
        "permitted": entry.permitted,
        "breaker": entry.breaker,
        "why": entry.why,
    }


def _instant(at_ms: float, *, after: float = 0.0) -> datetime | None:
    """Return the instant, or None if it has passed `after` already."""
    return instant(at_ms) if at_ms > after else None
