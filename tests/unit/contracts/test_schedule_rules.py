"""When rules fire: intervals, cron, and cron while clocks are changed, in many zones and years.

The judge is a clock that is watched minute by minute, not the code's own arithmetic.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.errors import InvalidSchedule
from shared.contracts.schedules.cron import parse_cron
from shared.contracts.schedules.rules import CronInZone, Interval, Rule
from shared.contracts.schedules.zones import zone_named

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONES = sorted(available_timezones() - {"Factory", "localtime"})


def _cron(expression: str, zone: str = "UTC") -> CronInZone:
    return CronInZone(cron=parse_cron(expression), zone=zone_named(zone))


def _local(rule: CronInZone, since: str, count: int) -> list[str]:
    """The first fires after an instant, as the clocks of the zone show them."""
    instant, shown = datetime.fromisoformat(since), []
    for _ in range(count):
        fire = rule.first_after(instant)
        assert fire is not None
        instant = fire.at
        shown.append(f"{instant.astimezone(rule.zone):%d %H:%M%z}")
    return shown


def test_an_interval_is_aligned_to_the_epoch_and_moved_by_its_phase() -> None:
    rule = Interval(every=timedelta(hours=1), phase=timedelta(minutes=10))
    fire = rule.first_after(datetime(2026, 6, 1, 12, 10, tzinfo=UTC))
    assert fire is not None
    assert fire.at == datetime(2026, 6, 1, 13, 10, tzinfo=UTC)


@given(
    every=st.integers(1000, 10**9),
    phase=st.integers(0, 10**9),
    instant=st.integers(0, 10**13).map(lambda n: _EPOCH + timedelta(microseconds=700 * n)),
)
def test_an_interval_fires_at_each_of_its_times_and_at_no_other(
    every: int, phase: int, instant: datetime
) -> None:
    step = timedelta(milliseconds=every)
    fire = Interval(every=step, phase=timedelta(milliseconds=phase)).first_after(instant)
    assert fire is not None
    assert instant < fire.at <= instant + step
    passed = (fire.at - _EPOCH) / timedelta(milliseconds=1)
    assert passed == int(passed)
    assert (int(passed) - phase) % every == 0


def test_fixed_hours_in_a_gap_fire_once_at_its_end() -> None:
    rule = _cron("*/30 2 * * *", "Europe/Berlin")
    assert _local(rule, "2025-03-29T12:00Z", 3) == [
        "30 03:00+0200",
        "31 02:00+0200",
        "31 02:30+0200",
    ]


def test_a_gap_that_ends_at_a_named_time_fires_once_there() -> None:
    rule = _cron("0 2,3 * * *", "Europe/Berlin")
    assert _local(rule, "2025-03-29T12:00Z", 2) == ["30 03:00+0200", "31 02:00+0200"]


def test_fixed_hours_in_a_fold_fire_the_first_time_only() -> None:
    rule = _cron("30 2 * * *", "Europe/Berlin")
    assert _local(rule, "2025-10-25T12:00Z", 2) == ["26 02:30+0200", "27 02:30+0100"]


def test_real_hours_go_on_through_gaps_and_folds() -> None:
    hourly = _cron("30 * * * *", "Europe/Berlin")
    assert _local(hourly, "2025-10-25T23:45Z", 3) == [
        "26 02:30+0200",
        "26 02:30+0100",
        "26 03:30+0100",
    ]
    assert _local(hourly, "2025-03-30T00:00Z", 2) == ["30 01:30+0100", "30 03:30+0200"]


def test_a_date_that_a_zone_has_skipped_fires_at_its_end() -> None:
    rule = _cron("0 12 * * *", "Pacific/Apia")
    assert _local(rule, "2011-12-29T00:00Z", 3) == [
        "29 12:00-1000",
        "31 00:00+1400",
        "31 12:00+1400",
    ]


def test_a_fold_across_midnight_mixes_two_dates() -> None:
    rule = _cron("*/30 * * * *", "America/St_Johns")
    assert _local(rule, "2010-11-07T02:00Z", 4) == [
        "07 00:00-0230",
        "06 23:30-0330",
        "07 00:00-0330",
        "07 00:30-0330",
    ]


def test_notes_tell_what_the_clocks_do() -> None:
    def note(expression: str, since: str) -> str | None:
        fire = _cron(expression, "Europe/Berlin").first_after(datetime.fromisoformat(since))
        assert fire is not None
        return fire.note

    berlin = "on 2025-10-26 in Europe/Berlin"
    assert note("30 2 * * *", "2025-10-25T12:00Z") == (
        f"02:30 {berlin} comes twice; it fires the first time only"
    )
    assert note("30 * * * *", "2025-10-26T00:00Z") == (
        f"02:30 {berlin} comes twice; this is the first time"
    )
    assert note("30 * * * *", "2025-10-26T00:30Z") == (
        f"02:30 {berlin} comes twice; this is the second time"
    )
    berlin = "on 2025-03-30 in Europe/Berlin"
    assert note("30 2 * * *", "2025-03-29T12:00Z") == (
        f"02:30 {berlin} does not exist; this is the first instant after the gap"
    )
    assert note("30 * * * *", "2025-03-30T00:30Z") == (
        f"02:30 {berlin} does not exist; nothing fires in the gap before this"
    )
    assert note("30 * * * *", "2025-03-30T02:00Z") is None


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "..", "/etc/passwd", "right/UTC", "x\0"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(InvalidSchedule, match="/timezone: there is no time zone"):
        zone_named(name)


_field_of_minutes = st.sampled_from(["0", "30", "15,59", "*/20", "1", "*", "7/25"])
_field_of_hours = st.sampled_from(
    ["*", "*/2", "*/3", "*/24", "0", "1", "2", "3", "23", "0-3", "22,23,0", "2-23/2"]
)
_days = st.sampled_from(["* * *", "* * mon-fri", "*/2 * *", "13 * sun", "1-7 * sat"])


@st.composite
def _watched(draw: st.DrawFn) -> tuple[CronInZone, bool, datetime]:
    """A rule, whether it is about real hours, and a day: half of them near a change of clocks."""
    zone = ZoneInfo(draw(st.sampled_from(_ZONES)))
    year = draw(st.integers(1973, 2060))
    changes = _changes(zone, year)
    any_day = st.integers(1, 364).map(lambda n: datetime(year, 1, 1, tzinfo=UTC) + timedelta(n))
    day = draw(st.one_of(any_day, st.sampled_from(changes)) if changes else any_day)
    hours = draw(_field_of_hours)
    expression = f"{draw(_field_of_minutes)} {hours} {draw(_days)}"
    return CronInZone(cron=parse_cron(expression), zone=zone), hours.startswith("*"), day


@cache
def _changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """The days of a year in which the clocks are changed."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(366)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    return [day for day, (old, new) in zip(days, pairwise(offsets), strict=False) if old != new]


def _watch(rule: CronInZone, real_hours: bool, start: datetime, end: datetime) -> list[datetime]:
    """Look at the clock each minute; note the instants at which the rule should fire."""
    noted, instant = [], start - timedelta(days=1)
    highest = instant.astimezone(rule.zone).replace(tzinfo=None, fold=0)
    while instant <= end:
        wall = instant.astimezone(rule.zone).replace(tzinfo=None, fold=0)
        if real_hours:
            reached = [wall]
        else:
            reached = [highest + n * _MINUTE for n in range(1, (wall - highest) // _MINUTE + 1)]
        highest = max(highest, wall)
        if instant > start and any(_named(rule, each) for each in reached):
            noted.append(instant)
        instant += _MINUTE
    return noted


def _named(rule: CronInZone, wall: datetime) -> bool:
    return wall.hour * 60 + wall.minute in rule.cron.times and rule.cron.names(wall.date())


def _fires(rule: Rule, start: datetime, end: datetime) -> list[datetime]:
    fires = []
    fire = rule.first_after(start)
    while fire is not None and fire.at <= end:
        fires.append(fire.at)
        fire = rule.first_after(fire.at)
    return fires


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(watched=_watched(), minutes=st.integers(0, 2880))
def test_cron_fires_exactly_when_a_watched_clock_says_so(
    watched: tuple[CronInZone, bool, datetime], minutes: int
) -> None:
    rule, real_hours, day = watched
    start, end = day, day + timedelta(days=2)

    noted = _watch(rule, real_hours, start, end)

    assert _fires(rule, start, end) == noted
    since = start + minutes * _MINUTE + timedelta(seconds=30)
    assert _fires(rule, since, end) == [each for each in noted if each > since]


@settings(max_examples=60, deadline=None)
@given(watched=_watched())
def test_fires_come_in_order_at_named_times_or_at_the_end_of_a_gap(
    watched: tuple[CronInZone, bool, datetime],
) -> None:
    rule, real_hours, day = watched
    end = day + timedelta(days=4)
    fires = _fires(rule, day, end)
    assert fires == sorted(set(fires))
    for fire in fires:
        wall = fire.astimezone(rule.zone).replace(tzinfo=None, fold=0)
        assert _named(rule, wall) or (not real_hours and _is_end_of_gap(fire, rule.zone))


def _is_end_of_gap(instant: datetime, zone: ZoneInfo) -> bool:
    before, after = (
        each.astimezone(zone).utcoffset() for each in (instant - timedelta(seconds=1), instant)
    )
    assert before is not None
    assert after is not None
    return after > before


def test_no_zone_changes_its_clocks_twice_within_three_days() -> None:
    """What `steady_offset` relies on, asked of all zones for one year."""
    for name in _ZONES:
        changes = _changes(ZoneInfo(name), 2026)
        gaps = [after - before for before, after in pairwise(changes)]
        assert all(gap > timedelta(days=3) for gap in gaps), (name, changes)


def test_a_rule_that_would_fire_beyond_the_last_year_has_come_to_its_end() -> None:
    rule = _cron("0 0 1 1 *")
    assert rule.first_after(datetime(9000, 6, 1, tzinfo=UTC)) is None
    assert parse_cron("0 0 1 1 *").names(date(9000, 1, 1))
