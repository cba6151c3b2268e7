"""Sets of places as whole numbers, and as the words that a database can change one by one.

A set of 100,000 open parents is 1,613 integers instead of 4 MB of ids, and taking a place out is
`$bit: {and: ...}`: as idempotent as `$pull`, and one update takes out many at once.
"""

from collections.abc import Iterable, Iterator, Sequence

WORD = 62
"""Places in one word: each fits a signed integer of 64 bits, and stays positive."""

FULL = (1 << WORD) - 1


def all_of(count: int) -> int:
    """Return the set of the first `count` places."""
    return (1 << count) - 1


def set_of(places: Iterable[int]) -> int:
    """Return the set of these places."""
    words = masks(places)
    return from_words([words.get(i, 0) for i in range(max(words, default=-1) + 1)])


def places_in(bits: int) -> Iterator[int]:
    """Yield the places of a set in order."""
    for number, word in enumerate(to_words(bits, bits.bit_length())):
        rest = word
        while rest:
            low = rest & -rest
            yield number * WORD + low.bit_length() - 1
            rest ^= low


def to_words(bits: int, count: int) -> list[int]:
    """Return a set of at most `count` places as words."""
    if count <= WORD:
        return [bits] if count else []
    # By way of bytes: shifting a number of 100,000 bits 1,613 times would be quadratic.
    text = f"{bits:b}".zfill(-(-count // WORD) * WORD)
    return [int(text[end - WORD : end], 2) for end in range(len(text), 0, -WORD)]


def from_words(words: Sequence[int]) -> int:
    """Return the set that these words are."""
    if len(words) <= 1:
        return words[0] if words else 0
    text = "".join(f"{word:0{WORD}b}" for word in reversed(words))
    return int(text, 2) if text else 0


def masks(places: Iterable[int]) -> dict[int, int]:
    """Return, for each word that holds one of these places, its number and the mask of them."""
    found: dict[int, int] = {}
    for place in places:
        number, bit = divmod(place, WORD)
        found[number] = found.get(number, 0) | 1 << bit
    return found
