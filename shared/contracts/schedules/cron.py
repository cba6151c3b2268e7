"""A cron expression: five fields, and which minutes of which days they name.

The grammar is that of the classic cron of Paul Vixie (crontab(5)): `*`, numbers, names, ranges,
steps and lists. Numbers are local; `rules.py` turns them into instants.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from shared.contracts.errors import Fault, InvalidSchedule

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_ITEM = re.compile(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/([0-9]+))?")
_LONGEST = 300  # characters
LAST_YEAR = 9000
"""No fire is looked for beyond; Python's own calendar ends in 9999."""


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    names: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, {name: n for n, name in enumerate(_MONTHS, 1)}),
    _Field("day of week", 0, 7, {name: n for n, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """What the five fields name."""

    times: tuple[int, ...]  # minutes of the day, ascending
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either_day: bool  # both day fields are restricted: one of them is enough
    any_hour: bool  # the hour field begins with `*`: the rule is about real hours

    def names(self, day: date) -> bool:
        """Say whether the expression fires on this date."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_day or by_weekday) if self.either_day else (by_day and by_weekday)

    def dates(self, start: date) -> Iterator[date]:
        """Return the dates from `start` on which the expression fires."""
        year, month, first = start.year, start.month, start.day
        while year <= LAST_YEAR:
            if month in self.months:
                for number in range(first, monthrange(year, month)[1] + 1):
                    if self.names(day := date(year, month, number)):
                        yield day
            year, month, first = (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)


@lru_cache(1024)
def parse_cron(text: str) -> Cron:
    """Return what an expression means; raise InvalidSchedule naming the field and the reason."""
    if len(text) > _LONGEST:
        raise _bad(f"a cron expression has at most {_LONGEST} characters")
    words = _expanded(text.strip().lower()).split()
    if len(words) != len(_FIELDS):
        raise _bad(
            f"{text!r} has {len(words)} fields; it takes five (minute, hour, day of month, month, "
            f"day of week) or one of {', '.join(NICKNAMES)}"
        )
    minutes, hours, days, months, weekdays = map(_values, _FIELDS, words)
    cron = Cron(
        times=tuple(hour * 60 + minute for hour in sorted(hours) for minute in sorted(minutes)),
        days=days,
        months=months,
        weekdays=frozenset(weekday % 7 for weekday in weekdays),
        either_day=not words[2].startswith("*") and not words[4].startswith("*"),
        any_hour=words[1].startswith("*"),
    )
    if not cron.either_day and min(days) > max(monthrange(2024, month)[1] for month in months):
        raise _bad(f"{text!r} names a day that none of its months has; it would never fire")
    return cron


def _expanded(text: str) -> str:
    if text.startswith("@") and text not in NICKNAMES:
        raise _bad(
            f"there is no {text.split(maxsplit=1)[0]}; the nicknames are {', '.join(NICKNAMES)}"
        )
    return NICKNAMES.get(text, text)


def _values(field: _Field, word: str) -> frozenset[int]:
    return frozenset(value for item in word.split(",") for value in _item(field, item))


def _item(field: _Field, item: str) -> range:
    parts = _ITEM.fullmatch(item)
    if parts is None or (parts[1] == "*" and parts[2] is not None):
        raise _bad(f"the {field.name} field cannot be {item!r}; it takes *, a-b, a,b and /n")
    start, end, step = parts.groups()
    if step is not None and int(step) == 0:
        raise _bad(f"the {field.name} field has the step 0 in {item!r}")
    # Sunday is 0 and 7; an open range must not name it at both ends.
    least = field.least if start == "*" else _number(field, start)
    most = max(least, 6) if field.most == 7 else field.most
    if end is not None:
        most = 7 if end == "sun" else _number(field, end)
    elif start != "*" and step is None:
        most = least
    if most < least:
        raise _bad(f"the {field.name} field has the range {item!r}, which ends before it begins")
    return range(least, most + 1, int(step or 1))


def _number(field: _Field, word: str) -> int:
    value = field.names.get(word)
    if value is None and word.isdigit():
        value = int(word)
    if value is None or not field.least <= value <= field.most:
        choice = f", or {' '.join(field.names)}" if field.names else ""
        raise _bad(
            f"the {field.name} field takes {field.least} to {field.most}{choice}; not {word!r}"
        )
    return value


def _bad(why: str) -> InvalidSchedule:
    return InvalidSchedule([Fault("/cron", why)])
