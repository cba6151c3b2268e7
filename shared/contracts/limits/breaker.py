"""The circuit breaker of a limit: it stops calls that would fail anyway, and tries again with one.

Closed: calls go. Open: none goes until `until`, then one probe. Reopening: the rate comes back in
doublings. (Nygard, "Release It!", 2007; the gradual return is ours.) Pure; times are milliseconds.
"""

from dataclasses import replace
from enum import StrEnum

from shared.contracts.limits.definition import Breaking
from shared.contracts.limits.report import Report
from shared.contracts.record import record

_FIRST_SHARE = 0.125  # of the rate, once the probe went well
_STEP_MS = 500.0  # between two doublings
_LONGEST_PAUSE_MS = 60_000.0
_FEW = 4  # calls that decide while it reopens


class State(StrEnum):
    """What a breaker does."""

    CLOSED = "closed"
    OPEN = "open"
    REOPENING = "reopening"


@record
class Breaker:
    """What a breaker remembers: two windows of counts, and how often it has opened in a row."""

    state: State = State.CLOSED
    since: float = 0.0  # of the present window
    calls: int = 0
    failures: int = 0
    calls_before: int = 0  # of the window before it
    failures_before: int = 0
    opened: int = 0  # in a row
    changed_at: float = 0.0
    until: float = 0.0  # when a probe may go
    share: float = 1.0  # of the rate


def heard(rule: Breaking, state: Breaker, report: Report, now: float) -> Breaker:
    """Return the breaker after a report."""
    if state.state is State.OPEN:
        return _after_probe(rule, state, report, now)
    began = max(report.clean_began, report.throttled_began, report.outage_began)
    if began < state.changed_at and state.state is State.REOPENING:
        return state  # calls from before the pause
    counted = _counted(rule, state, report, now)
    if state.state is State.REOPENING:
        return _reopening(rule, counted, now)
    calls = counted.calls + counted.calls_before
    failures = counted.failures + counted.failures_before
    if calls >= rule.min_calls and failures >= rule.failure_rate * calls:
        return _open(rule, counted, now)
    return counted


def _after_probe(rule: Breaking, state: Breaker, report: Report, now: float) -> Breaker:
    """Only calls that began once a probe might go say anything."""
    if report.clean_began >= state.until or report.throttled_began >= state.until:
        reopening = replace(state, state=State.REOPENING, share=_FIRST_SHARE, changed_at=now)
        return _emptied(reopening, now)
    if report.outage_began >= state.until:
        return _open(rule, state, now)
    return state


def _reopening(rule: Breaking, state: Breaker, now: float) -> Breaker:
    if state.failures and state.failures >= rule.failure_rate * max(_FEW, state.calls):
        return _open(rule, state, now)
    if now - state.changed_at < _STEP_MS or state.calls == state.failures:
        return state
    if state.share >= 0.5:
        closed = replace(state, state=State.CLOSED, share=1.0, opened=0, changed_at=now)
        return _emptied(closed, now)
    return _emptied(replace(state, share=2 * state.share, changed_at=now), now)


def _open(rule: Breaking, state: Breaker, now: float) -> Breaker:
    pause = min(_LONGEST_PAUSE_MS, rule.open_s * 1000 * 2**state.opened)
    pause = max(pause, rule.open_s * 1000)
    opened = replace(
        state,
        state=State.OPEN,
        opened=state.opened + 1,
        changed_at=now,
        until=now + pause,
        share=_FIRST_SHARE,
    )
    return _emptied(opened, now)


def _counted(rule: Breaking, state: Breaker, report: Report, now: float) -> Breaker:
    state = _rolled(rule, state, now)
    return replace(
        state, calls=state.calls + report.calls, failures=state.failures + report.outages
    )


def _rolled(rule: Breaking, state: Breaker, now: float) -> Breaker:
    """Begin another window when one is full; the one before stays until the next is."""
    length = rule.window_s * 1000 / 2
    if now - state.since < length:
        return state
    kept = now - state.since < 2 * length
    return replace(
        state,
        since=now,
        calls=0,
        failures=0,
        calls_before=state.calls if kept else 0,
        failures_before=state.failures if kept else 0,
    )


def _emptied(state: Breaker, now: float) -> Breaker:
    return replace(state, since=now, calls=0, failures=0, calls_before=0, failures_before=0)
