"""From a rule to instants: cron expressions on the clocks of a zone, and plain intervals.

One rule for clocks that are changed (docs/decisions/0015). A cron at fixed hours fires when the
clock on the wall *first reaches* the named time: in a gap that is the first instant after it, in a
fold the first of the two. A cron whose hour field begins with `*` is about real hours: it fires
whenever the clock shows the named time, so twice in a fold and not at all in a gap.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from shared.contracts.schedules.cron import Cron
from shared.contracts.schedules.zones import first_reached, readings, steady_offset

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fire(NamedTuple):
    """A nominal time, and what is special about it."""

    at: datetime
    note: str | None = None


class Rule(Protocol):
    """Names instants, in order."""

    def first_after(self, instant: datetime) -> Fire | None:
        """Return the earliest fire later than `instant`; None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """At each multiple of a time since 1970-01-01T00:00:00Z, moved by a phase."""

    every: timedelta
    phase: timedelta = timedelta()

    def first_after(self, instant: datetime) -> Fire | None:
        """Return the earliest fire later than `instant`."""
        start = _EPOCH + self.phase
        return Fire(start + ((instant - start) // self.every + 1) * self.every)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronInZone:
    """A cron expression on the clocks of one zone."""

    cron: Cron
    zone: ZoneInfo

    def first_after(self, instant: datetime) -> Fire | None:
        """Return the earliest fire later than `instant`."""
        # Around a change of the clocks, fires of neighbouring dates can be interleaved.
        for day in self.cron.dates(instant.astimezone(self.zone).date() - _DAY):
            if found := self._first_on(day, instant):
                after = self._first_on(day + _DAY, instant)
                return min(found, after or found, key=lambda fire: fire.at)
        return None

    def _first_on(self, day: date, instant: datetime) -> Fire | None:
        if not self.cron.names(day):
            return None
        offset = steady_offset(self.zone, day)
        if offset is None:
            fires = _uneven_day(self.cron, self.zone, day)
            return next((fire for fire in fires if fire.at > instant), None)
        midnight = datetime.combine(day, time(), UTC) - offset
        times = self.cron.times
        place = bisect_right(times, (instant - midnight) // _MINUTE)
        return Fire(midnight + times[place] * _MINUTE) if place < len(times) else None


@lru_cache(256)
def _uneven_day(cron: Cron, zone: ZoneInfo, day: date) -> tuple[Fire, ...]:
    """Return the fires of a date around which the clocks are changed, in order."""
    walls = [datetime.combine(day, time()) + minutes * _MINUTE for minutes in cron.times]
    fires = _at_real_hours(zone, walls) if cron.any_hour else _at_fixed_hours(zone, walls)
    return tuple(Fire(at, note) for at, note in sorted(fires.items()))


def _at_fixed_hours(zone: ZoneInfo, walls: list[datetime]) -> dict[datetime, str | None]:
    fires: dict[datetime, str | None] = {}
    for wall in walls:
        shown = readings(wall, zone)
        note = None
        if not shown:
            note = f"{_told(wall, zone)} does not exist; this is the first instant after the gap"
        elif len(shown) > 1:
            note = f"{_told(wall, zone)} comes twice; it fires the first time only"
        fires.setdefault(first_reached(wall, zone), note)
    return fires


def _at_real_hours(zone: ZoneInfo, walls: list[datetime]) -> dict[datetime, str | None]:
    fires: dict[datetime, str | None] = {}
    gap: str | None = None
    for wall in walls:
        shown = readings(wall, zone)
        if not shown:
            gap = gap or f"{_told(wall, zone)} does not exist; nothing fires in the gap before this"
        elif len(shown) > 1:
            fires[shown[0]] = f"{_told(wall, zone)} comes twice; this is the first time"
            fires[shown[1]] = f"{_told(wall, zone)} comes twice; this is the second time"
        else:
            fires[shown[0]], gap = gap, None
    return fires


def _told(wall: datetime, zone: ZoneInfo) -> str:
    return f"{wall:%H:%M} on {wall:%Y-%m-%d} in {zone.key}"
