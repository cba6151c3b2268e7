"""From a rate to what is counted: the distance of tokens, how many are saved up, how late is late.

A start happens a little after its turn: the worker is told over a network and shares a processor.
A turn that is used up to `slack` late still counts at its own time, so within any window up to
`slack` worth of tokens more may start than turns lie in it. That much is taken off the burst
beforehand; where the burst has no room for it, off the rate. So the starts themselves, not only
the turns, stay within rate x window + burst (docs/decisions/0022).
"""

from shared.contracts.record import record

FREE_SLACK_MS = 60_000.0
_LEAST_SLACK_MS = 15.0  # what a busy machine needs between a timer and the task's first line
_MOST_SLACK_MS = 250.0
_SLOW_SLACK_MS, _SLOW_SHARE = 5_000.0, 0.02  # of the distance: a turn that is rare is worth a wait
_SHAVED = 1.035  # of the distance, where the burst has no room for the slack
_SAVED_BY_LEARNED_S = 0.05  # seconds of a learned rate that may start at once


@record
class Pace:
    """How tokens come: all times in milliseconds."""

    spacing: float  # from one token to the next; 0 is no bound at all
    cap: float  # tokens that are saved up while nobody takes any
    slack: float  # by how much a start may come after its turn; later, the turn has lapsed


FREE = Pace(spacing=0.0, cap=1.0, slack=FREE_SLACK_MS)


def pace_of(*, rate: float, per_s: float, burst: float) -> Pace:
    """Return the pace at which starts keep within `rate` per `per_s` seconds, plus `burst`."""
    spacing = 1000 * per_s / rate
    most = max(_MOST_SLACK_MS, min(_SLOW_SLACK_MS, _SLOW_SHARE * spacing))
    slack = min(most, max(_LEAST_SLACK_MS, (burst - 1) * spacing / 2))
    cap = burst - slack / spacing
    if cap >= 1:
        return Pace(spacing=spacing, cap=cap, slack=slack)
    slack = max(_LEAST_SLACK_MS, min(most, (_SHAVED - 1) * spacing))
    return Pace(spacing=spacing * _SHAVED, cap=1.0, slack=slack)


def learned_pace(*, rate: float, per_s: float) -> Pace:
    """Return the pace of a learned rate: evenly spread, since nobody knows the other's burst."""
    saved = rate / per_s * _SAVED_BY_LEARNED_S
    return Pace(spacing=1000 * per_s / rate, cap=max(1.0, saved), slack=_MOST_SLACK_MS)


def slowed(pace: Pace, share: float) -> Pace:
    """Return the pace at a share (0 to 1] of the rate, without savings."""
    return Pace(spacing=pace.spacing / share, cap=1.0, slack=pace.slack)
