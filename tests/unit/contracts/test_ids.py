"""Ids are UUIDs of version 7 that sort by time."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.ids import first_id_at, instant_of, is_id, new_id, nth_id
from tests.builders import NOON

INSTANTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 -- hypothesis adds the zone
    max_value=datetime(9999, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
MILLISECOND = timedelta(milliseconds=1)


@given(INSTANTS)
def test_an_id_is_a_uuid_of_version_7_and_of_the_rfcs_variant(at: datetime) -> None:
    for made in (new_id(at), first_id_at(at), nth_id(new_id(at), 7)):
        uuid = UUID(made)
        assert (uuid.version, uuid.variant, str(uuid)) == (7, RFC_4122, made)
        assert is_id(made)


@given(INSTANTS)
def test_the_first_48_bits_are_the_milliseconds_since_1970(at: datetime) -> None:
    milliseconds = UUID(new_id(at)).int >> 80
    exact = (at - datetime(1970, 1, 1, tzinfo=UTC)) / MILLISECOND
    assert abs(milliseconds - exact) <= 1


@given(INSTANTS, st.integers(min_value=2, max_value=10**9))
def test_a_later_id_sorts_later(at: datetime, later_by: int) -> None:
    assert new_id(at) < new_id(at + later_by * MILLISECOND)


def test_ids_of_one_millisecond_differ() -> None:
    assert len({new_id(NOON) for _ in range(1000)}) == 1000


def test_ids_of_one_millisecond_sort_as_they_were_made() -> None:
    made = [new_id(NOON) for _ in range(1000)]
    assert made == sorted(made)


def test_the_instant_of_an_id_is_the_millisecond_it_was_made_in() -> None:
    at = datetime(2026, 6, 1, 12, 0, 0, 125_000, tzinfo=UTC)
    assert instant_of(new_id(at)) == at


@given(INSTANTS)
def test_the_first_id_of_a_millisecond_is_not_after_any_other_of_it(at: datetime) -> None:
    first = first_id_at(at)
    assert first <= new_id(at)
    assert first <= nth_id(new_id(at), 0)
    assert first_id_at(at + 2 * MILLISECOND) > new_id(at)


@given(st.sets(st.integers(min_value=0, max_value=65_535), min_size=2, max_size=50))
def test_ids_from_a_seed_are_distinct_and_in_order(indexes: set[int]) -> None:
    seed = new_id(NOON)
    made = [nth_id(seed, index) for index in sorted(indexes)]
    assert made == sorted(set(made))
    assert all(is_id(each) for each in made)


def test_the_same_seed_gives_the_same_ids_and_another_seed_gives_others() -> None:
    seed, other = new_id(NOON), new_id(NOON)
    assert [nth_id(seed, n) for n in range(100)] == [nth_id(seed, n) for n in range(100)]
    assert not {nth_id(seed, n) for n in range(100)} & {nth_id(other, n) for n in range(100)}


def test_ids_from_a_seed_stand_in_the_millisecond_of_the_seed() -> None:
    seed = new_id(NOON)
    assert instant_of(nth_id(seed, 10_000)) == instant_of(seed)


@given(st.text(max_size=60))
def test_other_text_is_no_id(text: str) -> None:
    assert not is_id(text)


def test_only_the_canonical_lower_case_form_of_version_7_is_an_id() -> None:
    made = new_id(NOON)
    wrong = [made.upper(), made.replace("-", ""), f"{{{made}}}", f"{made}\n", f" {made}", ""]
    wrong += [made[:14] + "4" + made[15:], made[:19] + "7" + made[20:]]  # version, variant
    assert not [text for text in wrong if text != made and is_id(text)]
