"""What becomes of the nominal times that have come. Pure; the outcome is stored before it is done.

A time that comes while an earlier job of the schedule is unfinished falls under the overlap policy.
A time that came while nobody looked, and no earlier job was there, is *late*: unless it is older
than the catch-up window it still runs, in turn with the others, so that late times never overlap.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.contracts.record import record
from shared.contracts.schedule import Held, Making, Overlap, Schedule

MOST = 1000
"""How many nominal times of one schedule are decided at once; more are left to the next look."""

MOST_HELD = 10_000
"""How many nominal times wait for an earlier job at most; further ones are skipped."""

TOLERANCE = timedelta(seconds=2)
"""No time is so late that it is missed before this, however small the catch-up window."""

NewId = Callable[[], str]


@record
class _Came:
    """Times that have come, and what they meet."""

    times: tuple[datetime, ...]
    held: tuple[Held, ...]
    busy_since: datetime | None
    window: timedelta  # how late a time may run

    def overlaps(self, at: datetime) -> bool:
        """Say whether an earlier job was there when this time came, and still is."""
        return self.busy_since is not None and at >= self.busy_since


@record
class _Admitted:
    """How the times that came are divided; what is in neither was skipped."""

    now: tuple[datetime, ...] = ()
    held: tuple[Held, ...] = ()


def needs_to_know_if_busy(schedule: Schedule) -> bool:
    """Say whether a decision depends on unfinished jobs."""
    return schedule.overlap is not Overlap.ALLOW_ALL or bool(schedule.buffered)


def cancels_what_runs(schedule: Schedule) -> bool:
    """Say whether the unfinished jobs have to make room for a time that waits."""
    return any(held.cancels for held in schedule.buffered)


def decide(
    schedule: Schedule, *, now: datetime, busy_since: datetime | None, new_id: NewId
) -> Schedule:
    """Decide about every time up to `now`; the result's `making` is what has to be submitted.

    `busy_since` is when the oldest unfinished job of the schedule was made.
    """
    came = [fire.at for fire in schedule.fires(after=schedule.cursor, until=now, most=MOST)]
    floor = now - max(schedule.catch_up, TOLERANCE)
    timely = tuple(at for at in came if at >= floor)
    held = tuple(each for each in schedule.buffered if each.until is None or now <= each.until)
    missed = len(came) - len(timely) + len(schedule.buffered) - len(held)

    admitted = _POLICIES[schedule.overlap](
        _Came(times=timely, held=held, busy_since=busy_since, window=schedule.catch_up)
    )
    fire, rest = admitted.now, admitted.held
    skipped = len(timely) + len(held) - len(fire) - len(rest)
    if busy_since is None and not fire and rest:
        fire, rest = (rest[0].nominal_at,), rest[1:]
    decided = replace(
        schedule,
        cursor=came[-1] if came else schedule.cursor,
        making=_making(fire, new_id),
        buffered=rest,
        fired=schedule.fired + len(fire),
        skipped=schedule.skipped + skipped,
        missed=schedule.missed + missed,
    )
    return replace(decided, next_at=decided.next_look(now))


def backfill(
    schedule: Schedule,
    times: Sequence[datetime],
    overlap: Overlap,
    *,
    now: datetime,
    new_id: NewId,
) -> Schedule:
    """Submit jobs for past times, oldest first; nothing of a past range overlaps by itself.

    `skip` and `buffer_all` run them one after the other, `buffer_one` the first two, `cancel_other`
    the last, `allow_all` all of them at once.
    """
    if overlap is Overlap.ALLOW_ALL:
        making = (*schedule.making, *_making(times, new_id))
        filled = replace(schedule, making=making, fired=schedule.fired + len(times))
    elif overlap is Overlap.CANCEL_OTHER:
        wanted = tuple(Held(nominal_at=at, cancels=True) for at in times[-1:])
        filled = replace(schedule, buffered=(*wanted, *schedule.buffered))
    else:
        taken = times[:2] if overlap is Overlap.BUFFER_ONE else times
        wanted = tuple(Held(nominal_at=at) for at in taken)
        filled = replace(schedule, buffered=(*schedule.buffered, *wanted))
    return replace(filled, updated_at=now, next_at=filled.next_look(now))


def _skip(came: _Came) -> _Admitted:
    until = came.window + TOLERANCE
    late = [Held(nominal_at=at, until=at + until) for at in came.times if not came.overlaps(at)]
    return _Admitted(held=(*came.held, *late))


def _buffer_one(came: _Came) -> _Admitted:
    held = came.held
    for at in came.times:
        if not held or not came.overlaps(at):
            held = (*held, Held(nominal_at=at))
    return _Admitted(held=held)


def _buffer_all(came: _Came) -> _Admitted:
    room = max(0, MOST_HELD - len(came.held))
    return _Admitted(held=(*came.held, *(Held(nominal_at=at) for at in came.times[:room])))


def _cancel_other(came: _Came) -> _Admitted:
    if not came.times:
        return _Admitted(held=came.held)
    others = [each for each in came.held if not each.cancels]
    return _Admitted(held=(Held(nominal_at=came.times[-1], cancels=True), *others))


def _allow_all(came: _Came) -> _Admitted:
    return _Admitted(now=came.times, held=came.held)


_POLICIES: dict[Overlap, Callable[[_Came], _Admitted]] = {
    Overlap.SKIP: _skip,
    Overlap.BUFFER_ONE: _buffer_one,
    Overlap.BUFFER_ALL: _buffer_all,
    Overlap.CANCEL_OTHER: _cancel_other,
    Overlap.ALLOW_ALL: _allow_all,
}


def _making(times: Iterable[datetime], new_id: NewId) -> tuple[Making, ...]:
    return tuple(Making(nominal_at=at, job_id=new_id()) for at in times)
