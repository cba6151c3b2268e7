"""Clocks on the wall: when they show a time, when they first reach it, when they are not changed.

`wall` is what a clock shows: a date and a time without a zone.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from shared.contracts.errors import Fault, InvalidSchedule

_SECOND = timedelta(seconds=1)
_HALF_DAYS = [timedelta(hours=12 * number) for number in range(-3, 4)]


def zone_named(name: str) -> ZoneInfo:
    """Return a zone of the IANA database; raise InvalidSchedule if there is none of this name."""
    if name not in _names():
        why = f"there is no time zone {name[:80]!r}; use a name such as Europe/Berlin or UTC"
        raise InvalidSchedule([Fault("/timezone", why)])
    return ZoneInfo(name)


def readings(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants at which the clock shows `wall`: none in a gap, two in a fold."""
    found = []
    for fold in (0, 1):
        instant = _instant(wall, zone, fold)
        if instant.astimezone(zone).replace(tzinfo=None, fold=0) == wall and instant not in found:
            found.append(instant)
    return found


def first_reached(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the clock shows `wall` or, in a gap, something later."""
    if shown := readings(wall, zone):
        return shown[0]
    # PEP 495: fold=1 is read with the offset after the gap, so it lies before the gap, and v.v.
    before, after = _instant(wall, zone, 1), _instant(wall, zone, 0)
    new = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).utcoffset() == new:
            after = middle
        else:
            before = middle
    return after


@lru_cache(4096)
def steady_offset(zone: ZoneInfo, day: date) -> timedelta | None:
    """Return the one offset that holds on a date and around it; None if the clocks are changed.

    Looking twice a day cannot miss a change: no zone has ever had two of them within three days.
    """
    noon = datetime.combine(day, time(12), UTC)
    offsets = {(noon + distance).astimezone(zone).utcoffset() for distance in _HALF_DAYS}
    return offsets.pop() if len(offsets) == 1 else None


def _instant(wall: datetime, zone: ZoneInfo, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
