"""Sets of places as numbers and as words."""

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.workflow.bits import (
    FULL,
    WORD,
    all_of,
    from_words,
    masks,
    places_in,
    set_of,
    to_words,
)

places = st.sets(st.integers(0, 700))


@given(places)
def test_a_set_comes_back_from_its_words(those: set[int]) -> None:
    bits = set_of(those)
    words = to_words(bits, 701)
    assert len(words) == -(-701 // WORD)
    assert all(0 <= word <= FULL < 2**63 for word in words)
    assert from_words(words) == bits
    assert set(places_in(bits)) == those


@given(places, places)
def test_taking_places_out_word_by_word_is_taking_them_out(all_: set[int], out: set[int]) -> None:
    words = to_words(set_of(all_), 701)
    for number, mask in masks(out).items():
        words[number] &= FULL & ~mask
    assert from_words(words) == set_of(all_ - out)


def test_a_hundred_thousand_places_fit_a_document() -> None:
    words = to_words(all_of(100_000), 100_000)
    assert len(words) == 1613
    assert set(words[:-1]) == {FULL}
    assert to_words(0, 0) == []
