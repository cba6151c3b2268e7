"""`text.stats`: it counts as a reader would, in any script, and in linear time."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.rehearsal import Outcome
from worker.tasks.text import Stats, stats

Run = Callable[..., Outcome]


def words_of(text: str) -> list[str]:
    return [each.word for each in stats(text, most_common=1000).most_common]


def test_it_counts_what_is_in_a_text(run_task: Run) -> None:
    text = "The sea. The sea!\nNobody says: the SEA?"
    assert run_task(stats, {"text": text, "most_common": 2}).result == {
        "characters": 39,
        "words": 8,
        "sentences": 3,
        "lines": 2,
        "unique_words": 4,
        "most_common": [{"word": "the", "count": 3}, {"word": "sea", "count": 3}],
        "reading_time_s": 2.0,
    }


def test_an_empty_text_has_nothing_in_it(run_task: Run) -> None:
    result = run_task(stats, {"text": ""}).result
    assert {value for name, value in result.items() if name != "most_common"} == {0}
    assert result["most_common"] == []


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("abc", 3),
        ("u\u0308ber", 4),  # a letter and its accent
        ("\U0001f469\u200d\U0001f469\u200d\U0001f467", 1),  # a family
        ("\u2764\ufe0f\u200d\U0001f525", 1),  # a heart on fire
        ("\U0001f44d\U0001f3fd", 1),  # a thumb with a skin tone
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 2),  # two flags
        ("1\ufe0f\u20e3", 1),  # a keycap
        ("a\r\nb", 3),
        ("\u1112\u1161\u11ab", 1),  # a syllable in parts
        ("\u0939\u093f\u0928\u094d\u0926\u0940", 3),
        ("\u0301", 1),  # an accent on nothing
        ("\u0645\u06cc\u200c\u062e", 3),  # a non-joiner adds none
    ],
)
def test_characters_are_what_people_see(text: str, characters: int) -> None:
    assert stats(text).characters == characters


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("to be or not", 4),
        ("don't, it\u2019s well-known", 3),
        ("3.14 and 1,000,000", 3),
        ("end.Start", 2),
        ("snake_case", 1),
        ("- -- _ ' . \U0001f600", 0),
        ("cafe\u0301 caf\u00e9", 2),
        ("\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", 2),
        ("\u0939\u093f\u0928\u094d\u0926\u0940 \u092d\u093e\u0937\u093e", 2),
        ("\u0645\u0631\u062d\u0628\u0627 \u0628\u0643", 2),
        ("\u4f60\u597d\u4e16\u754c", 4),
        ("\u30ab\u30bf\u30ab\u30ca \u3072\u3089", 3),
        ("\ud55c\uad6d\uc5b4 \ub2e8\uc5b4", 2),
        ("zero\u200bwidth", 2),
        ("soft\u00adhyphen", 1),
    ],
)
def test_words_are_counted_in_any_script(text: str, words: int) -> None:
    assert stats(text).words == words


def test_words_that_differ_in_case_or_spelling_of_a_sign_are_the_same() -> None:
    assert words_of("Stra\u00dfe STRASSE") == ["strasse"]
    assert words_of("cafe\u0301 CAF\u00c9") == ["caf\u00e9"]
    assert words_of("it's It\u2019s") == ["it's"]
    assert words_of("\ufb01ne fine") == ["fine"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", 3),
        ("No stop at the end", 1),
        ("Wait... what?! Yes.", 2),
        ("It cost 3.14 e.g. here.", 1),
        ("\u201cStop!\u201d he said. \u201cNow.\u201d", 2),
        ("A heading\n\nA paragraph\ngoes on.", 2),
        ("A heading\r\n \r\nA paragraph\r\ngoes on.", 2),
        ("\u4f60\u597d\u3002\u518d\u89c1\uff01", 2),
        ("\u0939\u093e\u0901\u0964 \u0928\u0939\u0940\u0902\u0964", 2),
        ("... !!! \n\n ?", 0),
    ],
)
def test_sentences_end_where_a_reader_pauses(text: str, sentences: int) -> None:
    assert stats(text).sentences == sentences


@pytest.mark.parametrize(("text", "lines"), [("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2)])
def test_lines_are_counted_as_editors_do(text: str, lines: int) -> None:
    assert stats(text).lines == lines


def test_reading_takes_as_long_as_the_pace_says() -> None:
    text = "word " * 476
    assert stats(text).reading_time_s == 120.0
    assert stats(text, words_per_minute=476).reading_time_s == 60.0


def test_among_equals_the_first_word_goes_first() -> None:
    assert words_of("b a c a b c") == ["b", "a", "c"]
    assert stats("b a", most_common=0).most_common == []


@given(st.text())
def test_every_text_has_counts_that_agree_with_each_other(text: str) -> None:
    found: Stats = stats(text, most_common=1000)
    assert found.words == sum(each.count for each in found.most_common)
    assert found.unique_words == len(found.most_common) <= found.words
    assert found.sentences <= found.words
    assert found.characters <= len(text)
    assert (found.sentences == 0) == (found.words == 0)


@pytest.mark.parametrize(
    "piece", [" ", ".", ". ", "\n ", ".'", "a.", "1,", "\u200d", "\U0001f1e6", "a\u0301", "\r"]
)
def test_a_hostile_text_takes_no_longer_than_another(piece: str) -> None:
    text = "x. " + piece * (500_000 // len(piece)) + "x"
    began = time.process_time()
    stats(text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "wrong", [{}, {"text": 1}, {"text": "a", "most_common": -1}, {"text": "a", "top": 1}]
)
def test_a_wrong_input_is_refused(run_task: Run, wrong: dict[str, Any]) -> None:
    error = run_task(stats, wrong).error
    assert error is not None
    assert error["type"] == "invalid-input"


def test_the_task_is_text_stats_and_runs_in_a_thread() -> None:
    assert (stats.name, stats.queue, stats.execution) == ("text.stats", "text", "thread")
