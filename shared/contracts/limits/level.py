"""A learned rate: it climbs while calls go well, falls when told to, and remembers where that was.

permitted rate = base x 1.14 ^ level. Clean calls climb one level at a time, but only while the rate
is used: what nobody asks for proves nothing. A throttle answer falls two levels, an outage one. The
level at which trouble began is remembered: just below it the climb stops for a while, then goes on
in small steps; trouble at the same place makes that while longer. Calls that had been given their
turn before a fall say nothing about what came after it.

The shape is that of congestion control (Jacobson, "Congestion Avoidance and Control", 1988), with
CUBIC's memory of where the loss was (RFC 9438). Pure; times are milliseconds.
"""

import math
from dataclasses import replace

from shared.contracts.limits.definition import Learned
from shared.contracts.limits.report import Report
from shared.contracts.record import record

GROWTH = 1.14
_STEP, _SMALL_STEP = 1.0, 0.2  # levels
_FALL, _FALL_OF_OUTAGE = 2.0, 1.0
_EDGE = 0.8  # levels below the trouble, where the climb stops
_BEYOND = 0.6  # levels above it, where it is forgotten
_SAME = 1.2  # levels within which trouble is the same as before
_AT_LEAST_MS = 500.0  # on one level
_LEAST_CALLS = 4  # on one level
_USED = 0.7  # share of the permitted rate that has to be used for a climb
_FIRST_CALM_MS, _LONGEST_CALM_MS = 4_000.0, 15_000.0
_CALM_FOR_A_PAUSE = 15.0  # times as long
_UNDER_WAY_MS = 700.0  # after a fall: calls whose turns were given before it, at the old rate
_IDLE_MS = 60_000.0  # after which, and for which, one level is given up


@record
class Level:
    """How far a learned limit has come."""

    level: float = 0.0
    trouble: float | None = None  # the level at which it last began
    clean: int = 0  # calls since the level changed
    changed_at: float = 0.0
    fell_at: float = 0.0
    calm_until: float = 0.0  # the climb rests below the trouble
    calm_ms: float = _FIRST_CALM_MS
    heard_at: float = 0.0


def permitted(rule: Learned, level: float) -> float:
    """Return the rate of a level: tokens in the rule's period, between its floor and ceiling."""
    return min(rule.highest, max(rule.lowest, rule.base * math.pow(GROWTH, level)))


def heard(rule: Learned, state: Level, report: Report, now: float) -> Level:
    """Return the level after a report."""
    state = decayed(rule, state, now)
    since = state.fell_at + _UNDER_WAY_MS
    if report.throttled and report.throttled_began >= since:
        state = _after_throttle(rule, state, report.pause_ms, now)
    elif report.outages and report.outage_began >= since:
        state = _fallen(rule, state, _FALL_OF_OUTAGE, now)
    elif report.clean and report.clean_began >= since:
        state = _after_clean(rule, state, report.clean, now)
    return replace(state, heard_at=now)


def decayed(rule: Learned, state: Level, now: float) -> Level:
    """Return the level after a silence: a level above the base is given up for each minute."""
    lost = math.floor((now - state.heard_at) / _IDLE_MS)
    if not state.heard_at or lost < 1 or state.level <= 0:
        return state
    return _at(rule, state, max(0.0, state.level - lost), now)


def _after_clean(rule: Learned, state: Level, calls: int, now: float) -> Level:
    state = replace(state, clean=state.clean + calls, changed_at=state.changed_at or now)
    a_second = permitted(rule, state.level) / rule.per_s
    stayed = now - state.changed_at
    if stayed < _AT_LEAST_MS or state.clean < _LEAST_CALLS:
        return state
    if state.clean < _USED * a_second * stayed / 1000:
        # Not used enough to learn from; counted anew, for what comes may be more.
        return replace(state, clean=0, changed_at=now) if stayed > 4 * _AT_LEAST_MS else state
    return _climbed(rule, state, now)


def _climbed(rule: Learned, state: Level, now: float) -> Level:
    trouble = state.trouble
    if trouble is None or state.level + _STEP <= trouble - _EDGE:
        return _at(rule, state, state.level + _STEP, now)
    if state.level < trouble - _EDGE:
        rested = replace(state, calm_until=now + state.calm_ms)
        return _at(rule, rested, trouble - _EDGE, now)
    if now < state.calm_until:
        return state
    nearer = _at(rule, state, state.level + _SMALL_STEP, now)
    if nearer.level > trouble + _BEYOND:  # it is not there any more
        return replace(nearer, trouble=None, calm_ms=_FIRST_CALM_MS)
    return nearer


def _after_throttle(rule: Learned, state: Level, pause_ms: float, now: float) -> Level:
    again = state.trouble is not None and abs(state.level - state.trouble) <= _SAME
    calm = min(_LONGEST_CALM_MS, 2 * state.calm_ms) if again else _FIRST_CALM_MS
    # Where trouble costs a long pause, it is not looked for often.
    calm = max(calm, _CALM_FOR_A_PAUSE * pause_ms)
    remembered = replace(state, trouble=state.level, calm_ms=calm)
    return _fallen(rule, remembered, _FALL, now)


def _fallen(rule: Learned, state: Level, levels: float, now: float) -> Level:
    return replace(_at(rule, state, state.level - levels, now), fell_at=now)


def _at(rule: Learned, state: Level, level: float, now: float) -> Level:
    """Stand on another level, within floor and ceiling, and count anew."""
    lowest = math.log(rule.lowest / rule.base, GROWTH)
    highest = math.log(rule.highest / rule.base, GROWTH)
    within = min(highest, max(lowest, level))
    return replace(state, level=within, clean=0, changed_at=now)
