"""A database between two primaries is told from a network that has cut only us off."""

from dataclasses import dataclass

import pytest

from shared.infrastructure.interregnum import Interregnum


@dataclass
class Seen:
    server_type_name: str
    last_write_date: float | None = None


AWAY = Seen("Unknown")


def secondary(written_at: float = 100.0) -> Seen:
    return Seen("RSSecondary", written_at)


def test_most_members_answer_and_none_is_primary() -> None:
    interregnum = Interregnum(lambda: [AWAY, secondary(99.0), secondary()])
    assert interregnum.seen()
    assert interregnum.seen()


@pytest.mark.parametrize(
    "members",
    [
        [],
        [AWAY],
        [AWAY, AWAY, AWAY],
        [AWAY, AWAY, secondary()],
        [AWAY, secondary()],
        [Seen("RSPrimary", 100.0), secondary(), secondary()],
        [Seen("RSPrimary", 100.0)],
        [Seen("Mongos"), Seen("Mongos")],
    ],
)
def test_it_may_be_only_us_who_cannot_write(members: list[Seen]) -> None:
    interregnum = Interregnum(lambda: members)
    assert not interregnum.seen()


def test_what_was_written_meanwhile_shows_a_primary_that_others_reach() -> None:
    members = [AWAY, secondary(100.0), secondary(100.0)]
    interregnum = Interregnum(lambda: members)
    assert interregnum.seen()
    members[1] = secondary(102.0)
    assert not interregnum.seen()


def test_after_a_success_the_next_failure_is_a_first_one() -> None:
    members = [AWAY, secondary(100.0), secondary(100.0)]
    interregnum = Interregnum(lambda: members)
    interregnum.seen()
    interregnum.over()
    members[1] = secondary(110.0)
    assert interregnum.seen()
