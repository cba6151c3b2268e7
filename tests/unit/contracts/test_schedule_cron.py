"""Cron expressions: what they may say, what they name, how a bad one is refused."""

from datetime import date

import pytest

from shared.contracts.errors import InvalidSchedule
from shared.contracts.schedules.cron import NICKNAMES, parse_cron


def _hours(field: str) -> list[int]:
    return [time // 60 for time in parse_cron(f"0 {field} * * *").times]


@pytest.mark.parametrize(
    ("field", "hours"),
    [
        ("*", list(range(24))),
        ("7", [7]),
        ("7,3,7", [3, 7]),
        ("1-4", [1, 2, 3, 4]),
        ("*/8", [0, 8, 16]),
        ("1-9/4", [1, 5, 9]),
        ("20/2", [20, 22]),
        ("0-2,22-23", [0, 1, 2, 22, 23]),
    ],
)
def test_a_field_is_a_list_of_numbers_ranges_and_steps(field: str, hours: list[int]) -> None:
    assert _hours(field) == hours


@pytest.mark.parametrize(
    ("field", "weekdays"),
    [
        ("*", {0, 1, 2, 3, 4, 5, 6}),
        ("0", {0}),
        ("7", {0}),
        ("sun", {0}),
        ("MON-fri", {1, 2, 3, 4, 5}),
        ("sat-sun", {6, 0}),
        ("5-7", {5, 6, 0}),
        ("*/2", {0, 2, 4, 6}),
        ("1/2", {1, 3, 5}),
        ("7/2", {0}),
    ],
)
def test_sunday_is_both_0_and_7_and_days_have_names(field: str, weekdays: set[int]) -> None:
    assert parse_cron(f"0 0 * * {field}").weekdays == weekdays


def test_months_have_names() -> None:
    assert parse_cron("0 0 1 jan,Apr-JUN *").months == {1, 4, 5, 6}


@pytest.mark.parametrize(("nickname", "expression"), NICKNAMES.items())
def test_a_nickname_stands_for_an_expression(nickname: str, expression: str) -> None:
    assert parse_cron(f" {nickname.upper()} ") == parse_cron(expression)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("0 * * * * *", "6 fields"),
        ("@reboot", "there is no @reboot"),
        ("@daily *", "there is no @daily"),
        ("60 * * * *", "the minute field takes 0 to 59; not '60'"),
        ("* 24 * * *", "the hour field takes 0 to 23; not '24'"),
        ("* * 0 * *", "the day of month field takes 1 to 31; not '0'"),
        ("* * * 13 *", "the month field takes 1 to 12, or jan feb"),
        ("* * * * 8", "the day of week field takes 0 to 7, or sun mon"),
        ("* * * mon *", "the month field"),
        ("-1 * * * *", "the minute field cannot be '-1'"),
        ("5-1 * * * *", "ends before it begins"),
        ("*/0 * * * *", "the step 0"),
        ("*-5 * * * *", "cannot be '*-5'"),
        ("1,,2 * * * *", "the minute field cannot be ''"),
        ("1.5 * * * *", "cannot be '1.5'"),
        ("* * L * *", "the day of month field takes"),
        ("* * ? * *", "cannot be '?'"),
        ("²  * * * *", "the minute field cannot be"),
        ("0 0 31 2,4,6 *", "would never fire"),
        ("0 0 30 2 */2", "would never fire"),
        ("*" * 301, "at most 300 characters"),
    ],
)
def test_a_bad_expression_is_refused_with_the_field_and_the_reason(
    expression: str, why: str
) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        parse_cron(expression)
    [fault] = refusal.value.faults
    assert fault.pointer == "/cron"
    assert why in fault.message


def test_of_two_restricted_day_fields_one_is_enough() -> None:
    cron = parse_cron("0 0 13 * fri")
    assert cron.names(date(2026, 4, 13))  # a Monday
    assert cron.names(date(2026, 4, 10))  # a Friday
    assert not cron.names(date(2026, 4, 14))


@pytest.mark.parametrize("expression", ["0 0 * * fri", "0 0 */1 * fri"])
def test_a_day_field_that_begins_with_a_star_leaves_the_choice_to_the_other(
    expression: str,
) -> None:
    cron = parse_cron(expression)
    assert cron.names(date(2026, 4, 10))
    assert not cron.names(date(2026, 4, 13))


def test_a_day_that_only_some_months_have_is_found_in_these() -> None:
    dates = parse_cron("0 0 29 2 *").dates(date(2097, 1, 1))
    assert [next(dates), next(dates)] == [date(2104, 2, 29), date(2108, 2, 29)]


def test_dates_begin_with_the_first_and_come_to_an_end() -> None:
    cron = parse_cron("0 0 31 12 *")
    assert next(cron.dates(date(2026, 12, 31))) == date(2026, 12, 31)
    assert list(cron.dates(date(8999, 12, 31))) == [date(8999, 12, 31), date(9000, 12, 31)]
