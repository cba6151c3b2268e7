"""Taking turns from a limit: the generic cell rate algorithm, for several asks at once.

Instead of a count of tokens that is refilled, the bucket keeps one instant, `full_at`: when it
would be full again (ITU-T I.371, "virtual scheduling"). An ask gets the earliest turn at which
its cost is there. Pure; times are milliseconds of the database's clock. The store makes the same
decision in one update (shared/infrastructure/limit_turns.py), and a test holds the two together.
"""

from collections.abc import Iterable
from dataclasses import field, replace

from shared.contracts.limits.pace import FREE, Pace
from shared.contracts.record import record

PROBE_LASTS_MS = 30_000.0
"""For how long a probe is waited for before another one goes."""

WHOLE_MS = 1e15
"""The margin while nothing but the first turns was taken: all of it may be given back."""


@record
class Ask:
    """Somebody wants to start something."""

    cost: float = 1.0
    ahead: float = 0.0  # it takes a turn that lies up to this far ahead; else it is refused
    not_before: float = 0.0  # the instant of a turn from another limit that it has to meet
    lead: float = 0.0  # how long the answer takes to arrive
    called: bool = False  # it stood in line and was called, or runs already: it passes the line


@record
class Turn:
    """What came of an ask: it may go `at`, or was refused and would probably go then."""

    granted: bool
    at: float


@record
class Bucket:
    """What a limit remembers between two asks."""

    pace: Pace = field(default_factory=lambda: FREE)
    full_at: float = 0.0
    busy_since: float = 0.0  # since when it has never been full
    last_at: float = 0.0  # the latest turn
    margin: float = 0.0  # how far from full it was, at least, at the turns since it was full
    held_until: float = 0.0  # nothing starts before
    probing: bool = False  # only one may go; whoever comes next waits for what becomes of it
    lined: bool = False  # some jobs stand in line
    line_ends: float = 0.0  # when, as far as one can say, all of them will have gone


def earliest(bucket: Bucket, ask: Ask, now: float) -> float:
    """Return the first instant at which the bucket holds what the ask costs.

    An ask that costs more than the bucket can hold waits until it is full, and leaves a debt.
    """
    saved = max(0.0, bucket.pace.cap - ask.cost) * bucket.pace.spacing
    # Its taker must hear of a turn before half of the slack is gone.
    heard = now + max(0.0, ask.lead - bucket.pace.slack / 2)
    return max(heard, ask.not_before, bucket.held_until, bucket.full_at - saved)


def take(bucket: Bucket, asks: Iterable[Ask], now: float) -> tuple[Bucket, list[Turn]]:
    """Return the bucket after these asks, in their order, and what came of each."""
    turns = []
    for ask in asks:
        bucket, turn = _take_one(bucket, ask, now)
        turns.append(turn)
    return bucket, turns


def _take_one(bucket: Bucket, ask: Ask, now: float) -> tuple[Bucket, Turn]:
    at = earliest(bucket, ask, now)
    lasts = ask.cost * bucket.pace.spacing
    if at <= now + ask.ahead and (ask.called or not bucket.lined):
        was_full = bucket.full_at < at
        margin = bucket.margin if at == bucket.last_at else bucket.full_at - at
        taken = replace(
            bucket,
            full_at=max(bucket.full_at, at) + lasts,
            busy_since=at if was_full else bucket.busy_since,
            last_at=at if was_full else max(bucket.last_at, at),
            margin=WHOLE_MS if was_full else min(bucket.margin, margin),
            held_until=at + PROBE_LASTS_MS if bucket.probing else bucket.held_until,
        )
        return taken, Turn(granted=True, at=at)
    if ask.called:
        return bucket, Turn(granted=False, at=at)
    turn = max(at, bucket.line_ends)
    return replace(bucket, lined=True, line_ends=turn + lasts), Turn(granted=False, at=turn)


def corrected(bucket: Bucket, *, at: float, difference: float) -> Bucket:
    """Return the bucket once the turn `at` turned out to cost `difference` more, or less.

    Less is given back only as far as no later turn needed it: had the bucket been full by then,
    a token that was there anyway would be there twice.
    """
    if difference >= 0:
        return replace(bucket, full_at=bucket.full_at + difference * bucket.pace.spacing)
    if at < bucket.busy_since:
        return bucket
    less = -difference * bucket.pace.spacing
    if at < bucket.last_at:
        less = min(less, bucket.margin)
        bucket = replace(bucket, margin=bucket.margin - less)
    return replace(bucket, full_at=bucket.full_at - less)


def room(bucket: Bucket, *, until: float, now: float) -> float:
    """Return how many tokens can start before `until`."""
    if until < bucket.held_until:
        return 0.0
    if bucket.probing:
        return 1.0
    if not bucket.pace.spacing:
        return float("inf")
    there = min(bucket.pace.cap, bucket.pace.cap - (bucket.full_at - now) / bucket.pace.spacing)
    return max(0.0, there + (until - max(now, bucket.held_until)) / bucket.pace.spacing)


def repaced(bucket: Bucket, pace: Pace, *, now: float) -> Bucket:
    """Return the bucket at another pace; what was taken stays taken, in tokens."""
    owed = max(0.0, bucket.full_at - now)
    scale = pace.spacing / bucket.pace.spacing if bucket.pace.spacing else 0.0
    return replace(bucket, pace=pace, full_at=now + owed * scale, margin=0.0)
