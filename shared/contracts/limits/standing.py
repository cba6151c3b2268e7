"""How a limit stands: what it has learned, its breaker, and the pace that follows from both."""

from dataclasses import field, replace

from shared.contracts.limits import breaker as breaking
from shared.contracts.limits import level as learning
from shared.contracts.limits.breaker import Breaker, State
from shared.contracts.limits.definition import Definition
from shared.contracts.limits.level import Level
from shared.contracts.limits.pace import Pace, slowed
from shared.contracts.limits.report import Report
from shared.contracts.record import record

MOST_HISTORY = 100


@record
class Entry:
    """A change that the history of a limit shows."""

    at: float  # milliseconds
    level: float | None
    permitted: float | None  # of a learned limit, in its period
    breaker: State
    why: str


@record
class Standing:
    """What outcomes have made of a limit."""

    level: Level = field(default_factory=Level)
    breaker: Breaker = field(default_factory=Breaker)
    held_until: float = 0.0  # milliseconds; as the other side asked for
    history: tuple[Entry, ...] = ()


def heard(definition: Definition, before: Standing, report: Report, now: float) -> Standing:
    """Return how a limit stands after a report."""
    after = before
    if definition.learned is not None:
        after = replace(after, level=learning.heard(definition.learned, after.level, report, now))
    if definition.breaking is not None:
        after = replace(
            after, breaker=breaking.heard(definition.breaking, after.breaker, report, now)
        )
    if report.pause_ms:
        after = replace(after, held_until=max(after.held_until, now + report.pause_ms))
    return _with_history(definition, before, after, report, now)


def under(definition: Definition, standing: Standing) -> Standing:
    """Return how a limit stands under another definition; without a breaker, none is open."""
    return standing if definition.breaking else replace(standing, breaker=Breaker())


def pace_now(definition: Definition, standing: Standing) -> Pace:
    """Return the pace at which a limit goes as it stands; a shadow is never slowed."""
    pace = definition.pace(permitted_now(definition, standing))
    if is_shadow(definition) or standing.breaker.state is State.CLOSED:
        return pace
    return slowed(pace, standing.breaker.share)


def held_now(definition: Definition, standing: Standing) -> float:
    """Return until when nothing may go, in milliseconds; 0 if something may."""
    if is_shadow(definition):
        return 0.0
    opens = standing.breaker.until if standing.breaker.state is State.OPEN else 0.0
    return max(standing.held_until, opens)


def is_probing(definition: Definition, standing: Standing) -> bool:
    """Say whether only one may go at a time, to see whether the other side is back."""
    return standing.breaker.state is State.OPEN and not is_shadow(definition)


def permitted_now(definition: Definition, standing: Standing) -> float | None:
    """Return the rate that a learned limit permits, in its period."""
    if definition.learned is None:
        return None
    return learning.permitted(definition.learned, standing.level.level)


def is_shadow(definition: Definition) -> bool:
    """Say whether the limit only reports."""
    return definition.learned is not None and definition.learned.shadow


def _with_history(
    definition: Definition, before: Standing, after: Standing, report: Report, now: float
) -> Standing:
    moved = after.level.level != before.level.level
    turned = after.breaker.state is not before.breaker.state
    held = after.held_until > before.held_until
    if not (moved or turned or held):
        return after
    learned = definition.learned is not None
    entry = Entry(
        at=now,
        level=round(after.level.level, 2) if learned else None,
        permitted=permitted_now(definition, after),
        breaker=after.breaker.state,
        why=_why(before, after, report, turned=turned),
    )
    return replace(after, history=(*before.history, entry)[-MOST_HISTORY:])


def _why(before: Standing, after: Standing, report: Report, *, turned: bool) -> str:
    if turned:
        return f"the breaker is {after.breaker.state}"
    if report.throttled:
        return "throttled"
    if report.outages:
        return "outage"
    return "clean calls" if after.level.level > before.level.level else "idle"
