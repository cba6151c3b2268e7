"""A schedule: a rule that submits jobs at nominal times, and how far it has come.

Pure: no I/O and no clock. `schedules/overlap.py` decides what becomes of a time that has come.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any

from shared.contracts.gates import in_line, in_time
from shared.contracts.ids import instant_of
from shared.contracts.job import Job
from shared.contracts.record import record
from shared.contracts.schedules.cron import parse_cron
from shared.contracts.schedules.rules import CronInZone, Fire, Interval, Rule
from shared.contracts.schedules.zones import zone_named

LOOK_AGAIN = timedelta(milliseconds=500)
"""How often a keeper looks whether the job has ended for whose end a nominal time waits."""

_INSTANT = timedelta(microseconds=1)
_NOWHERE: dict[str, Any] = {"due_at": None, "because": None, "lane": None}
_RULE = ("cron", "timezone", "every", "phase", "start_at", "end_at")
_KEPT = (  # whatever its definition becomes
    *("created_at", "rev", "making", "buffered", "fired", "skipped", "missed"),
    *("declared_by", "declared"),
)


class Overlap(StrEnum):
    """What happens when a time comes while an earlier job of the schedule is unfinished."""

    SKIP = "skip"  # nothing is submitted for this time
    BUFFER_ONE = "buffer_one"  # one time waits for the end; further ones are skipped
    BUFFER_ALL = "buffer_all"  # all wait, and run one after the other
    CANCEL_OTHER = "cancel_other"  # the earlier job is cancelled, then this one is submitted
    ALLOW_ALL = "allow_all"  # they run beside each other


@record
class Making:
    """A decision that is stored, and perhaps not carried out yet: this job for this time."""

    nominal_at: datetime
    job_id: str


@record
class Held:
    """A nominal time that waits for the end of an earlier job."""

    nominal_at: datetime
    until: datetime | None = None  # dropped after this
    cancels: bool = False  # the earlier job is cancelled for it


@record
class Schedule:
    """A rule, the job that it submits, and its state. Instants are whole milliseconds."""

    id: str
    definition: str  # JSON text: what its owner asked for
    template: Job  # what each of its jobs is made from
    created_at: datetime
    updated_at: datetime
    cursor: datetime  # every nominal time up to here is decided
    name: str | None = None
    cron: str | None = None  # or else `every`
    timezone: str = "UTC"
    every: timedelta | None = None
    phase: timedelta = timedelta()
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter: timedelta = timedelta()
    delay: timedelta = timedelta()  # from the nominal time
    expires_in: timedelta | None = None  # from when the job may run
    overlap: Overlap = Overlap.SKIP
    catch_up: timedelta = timedelta(hours=1)
    declared_by: str | None = None  # the WARREN_TASKS of the worker in whose code it stands
    declared: str | None = None  # what the code says (JSON text), to see when that changes
    paused: bool = False
    note: str | None = None
    making: tuple[Making, ...] = ()
    buffered: tuple[Held, ...] = ()
    fired: int = 0
    skipped: int = 0
    missed: int = 0
    next_at: datetime | None = None  # when a keeper has to look
    rev: int = 1  # grows with each write, which must name the one that it saw

    @property
    def rule(self) -> Rule:
        """Return what names its nominal times; raise InvalidSchedule for what names none."""
        return _rule(self.cron, self.timezone, self.every, self.phase)

    def first_after(self, instant: datetime) -> Fire | None:
        """Return the first nominal time later than `instant`, from its start to its end."""
        if self.start_at is not None and instant < self.start_at:
            instant = self.start_at - _INSTANT
        fire = self.rule.first_after(instant)
        late = fire is not None and self.end_at is not None and fire.at > self.end_at
        return None if late else fire

    def fires(self, *, after: datetime, until: datetime | None, most: int) -> list[Fire]:
        """Return the nominal times later than `after`, up to `until`, at most so many."""
        found: list[Fire] = []
        fire = self.first_after(after)
        while fire is not None and len(found) < most and (until is None or fire.at <= until):
            found.append(fire)
            fire = self.first_after(fire.at)
        return found

    def jitter_of(self, nominal_at: datetime) -> timedelta:
        """Return the delay of one nominal time: the same, whoever works it out."""
        digest = sha256(f"{self.id}/{nominal_at.timestamp():.3f}".encode()).digest()
        share = int.from_bytes(digest[:6], "big") / 2**48
        return timedelta(milliseconds=int(self.jitter / timedelta(milliseconds=1) * share))

    def job(self, making: Making) -> Job:
        """Return the job of a decision: the same, whoever carries it out."""
        made_at = instant_of(making.job_id)
        due_at = making.nominal_at + self.delay + self.jitter_of(making.nominal_at)
        waits = due_at > made_at
        return replace(
            self.template,
            id=making.job_id,
            created_at=made_at,
            schedule_id=self.id,
            nominal_at=making.nominal_at,
            **{**_NOWHERE, **(in_time(due_at) if waits else in_line(self.template.keys))},
            expires_at=max(due_at, made_at) + self.expires_in if self.expires_in else None,
        )

    def made(self, *, now: datetime) -> "Schedule":
        """Its decisions are carried out: the jobs are stored."""
        done = replace(self, making=())
        return replace(done, next_at=done.next_look(now))

    def pause(self, note: str | None, *, now: datetime) -> "Schedule":
        """Submit nothing any more; what waits for an earlier job is skipped."""
        skipped = self.skipped + len(self.buffered)
        held = replace(self, paused=True, note=note, buffered=(), skipped=skipped, updated_at=now)
        return replace(held, next_at=held.next_look(now))

    def resume(self, note: str | None, *, now: datetime) -> "Schedule":
        """Submit again, from now on: times that passed in the pause stay unused."""
        cursor = max(self.cursor, now) if self.paused else self.cursor
        going = replace(self, paused=False, note=note, cursor=cursor, updated_at=now)
        return replace(going, next_at=going.next_look(now))

    def redefined(self, after: "Schedule") -> "Schedule":
        """Return this schedule with the definition of `after`; only a new rule starts anew."""
        now = after.updated_at
        same_rule = all(getattr(self, name) == getattr(after, name) for name in _RULE)
        kept: dict[str, Any] = {name: getattr(self, name) for name in _KEPT}
        kept["cursor"] = self.cursor if same_rule else max(self.cursor, now)
        changed = replace(after, paused=self.paused, **kept)
        if after.paused and not self.paused:
            return changed.pause(after.note, now=now)
        if self.paused and not after.paused:
            return changed.resume(after.note, now=now)
        return replace(changed, next_at=changed.next_look(now))

    def next_look(self, now: datetime) -> datetime | None:
        """Return when a keeper has to look again; None for never, as things stand."""
        if self.making:
            return now
        if self.paused:
            return None
        fire = self.first_after(self.cursor)
        coming = [fire.at] if fire else []
        if self.buffered:
            coming.append(now + LOOK_AGAIN)
        return min(coming, default=None)


@lru_cache(1024)
def _rule(cron: str | None, timezone: str, every: timedelta | None, phase: timedelta) -> Rule:
    if every is not None:
        return Interval(every=every, phase=phase)
    return CronInZone(cron=parse_cron(cron or ""), zone=zone_named(timezone))
