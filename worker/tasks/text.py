"""Counting what is in a text, in any script."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, Field

from warren import task

Top = Annotated[int, Field(ge=0, le=1000)]
Pace = Annotated[int, Field(ge=50, le=2000)]


class WordCount(BaseModel):
    """A word and how often it occurs."""

    word: str
    count: int


class Stats(BaseModel):
    """What `text.stats` counted."""

    characters: int = Field(description="as people see them: an accent or a flag adds none")
    words: int
    sentences: int
    lines: int
    unique_words: int = Field(description="upper and lower case are the same word")
    most_common: list[WordCount] = Field(description="the first to occur goes first among equals")
    reading_time_s: float


@task(queue="text", examples=[{"text": "To be, or not to be.", "most_common": 2}])
def stats(text: str, most_common: Top = 10, words_per_minute: Pace = 238) -> Stats:
    """Count characters, words, sentences and lines of a text, and its most common words.

    Words follow Unicode's letters, marks and digits; apostrophes and hyphens inside a word keep it
    whole. Where a script writes no spaces, each ideograph and each hiragana is a word.

    Args:
        text: in any script
        most_common: how many of the most common words to list
        words_per_minute: reading pace; 238 is the mean for English (Brysbaert, 2019)
    """
    composed = unicodedata.normalize("NFC", text)
    classes = composed.translate(_CLASSES)
    words = [_same(composed[start:end]) for start, end in _spans(_WORD, classes)]
    counts = Counter(words)
    return Stats(
        characters=sum(1 for _ in _CHARACTER.finditer(classes)),
        words=len(words),
        sentences=sum(1 for part in _BOUNDARY.split(classes) if _HAS_WORD.search(part)),
        lines=len(text.splitlines()),
        unique_words=len(counts),
        most_common=[WordCount(word=w, count=n) for w, n in counts.most_common(most_common)],
        reading_time_s=round(len(words) * 60 / words_per_minute, 1),
    )


def _spans(pattern: re.Pattern[str], classes: str) -> Iterator[tuple[int, int]]:
    return (found.span() for found in pattern.finditer(classes))


def _same(word: str) -> str:
    """Return the form in which different spellings of a word are equal."""
    return unicodedata.normalize("NFKC", word.replace("\u2019", "'")).casefold()


class _Classes(dict[int, str]):
    """One letter for each character, so that plain patterns can see what Unicode says of it.

    l lower-case letter, w other letter, d digit or number, i character that is a word by itself,
    m mark or format character, z joiner of emoji, k skin tone, r half of a flag,
    s space, R carriage return, n other line break, ' apostrophe, h hyphen,
    . full stop, , comma, ! other end of a sentence, F the same without a space behind it,
    q closing quote or bracket, o anything else
    """

    def __missing__(self, code: int) -> str:
        found = self[code] = _class_of(chr(code))
        return found


_APOSTROPHES = "'\u2019"
_FIXED = {
    **dict.fromkeys(_APOSTROPHES, "'"),
    **dict.fromkeys("-_\u2010\u2011", "h"),
    **dict.fromkeys("!?\u2026\u061f", "!"),
    **dict.fromkeys("\u3002\uff01\uff1f\uff61\u0964\u0965", "F"),
    **dict.fromkeys("\n\v\f\x1c\x1d\x1e\x85\u2028\u2029", "n"),
    "\r": "R",
    ".": ".",
    ",": ",",
    '"': "q",
    "\u200b": "s",
    "\u200d": "z",
}
_BY_CATEGORY = {"Ll": "l", "Pe": "q", "Pf": "q", "Cf": "m"}
_BY_FAMILY = {"L": "w", "N": "d", "M": "m", "Z": "s"}
_WORDS_BY_THEMSELVES = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA LETTER")


def _class_of(character: str) -> str:
    if fixed := _FIXED.get(character):
        return fixed
    if "\U0001f3fb" <= character <= "\U0001f3ff":
        return "k"
    if "\U0001f1e6" <= character <= "\U0001f1ff":
        return "r"
    if unicodedata.name(character, "").startswith(_WORDS_BY_THEMSELVES):
        return "i"
    if character.isspace():
        return "s"
    category = unicodedata.category(character)
    return _BY_CATEGORY.get(category) or _BY_FAMILY.get(category[0], "o")


_CLASSES = _Classes()
# A simplification of the text boundaries of UAX 29: no dictionary, no tailoring.
_CHARACTER = re.compile(r"rr|Rn|[^mkz](?:[mkz]|(?<=z)o)*|[mkz]+")
_WORD = re.compile(r"i[mz]*|[lwd][lwdmz]*(?:(?:['h]|(?<=d)[.,](?=d))[lwd][lwdmz]*)*")
_HAS_WORD = re.compile(r"[lwdi]")
# Possessive, and never begun inside a run: a client's text must not make a pattern quadratic.
# A stop before a lower-case word does not end a sentence: it is an abbreviation's, or quoted.
_STOP = r"(?<![.!])[.!]++[q']*+(?=[snR]|\Z)(?![snR]++[^lwdinR.!F]*+l)"
_EMPTY_LINE = r"(?>Rn?|n)s*+(?:(?>Rn?|n)s*+)++"
_BOUNDARY = re.compile(rf"{_STOP}|F++[q']*+|{_EMPTY_LINE}")
