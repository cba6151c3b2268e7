"""The strict JSON edge refuses what a lenient parser lets pass, and nothing else."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.errors import Malformed
from shared.contracts.strict_json import MAX_DEPTH, dump, parse

REFUSED: dict[bytes, str] = {
    b"": "not JSON",
    b" ": "not JSON",
    b"{": "not JSON",
    b"{}{}": "not JSON",
    b"[1,]": "not JSON",
    b"{'a':1}": "not JSON",
    b'{"a":1,}': "not JSON",
    b"// no comments\n1": "not JSON",
    b"01": "not JSON",
    b"+1": "not JSON",
    b".5": "not JSON",
    b"0x10": "not JSON",
    b'"\n"': "not JSON",
    b'"\\x41"': "not JSON",
    b"\xef\xbb\xbf{}": "not JSON",
    b"NaN": "NaN is not JSON",
    b"[Infinity]": "Infinity is not JSON",
    b'{"a":-Infinity}': "-Infinity is not JSON",
    b"1e400": "does not fit a double",
    b"-1e400": "does not fit a double",
    b"9223372036854775808": "does not fit 64 bits",
    b"-9223372036854775809": "does not fit 64 bits",
    b"1" * 5000: "does not fit 64 bits",
    b'{"a":1,"a":1}': "'a' stands twice",
    b'{"a":1,"\\u0061":2}': "'a' stands twice",
    b'[{"b":{"c":1,"d":2,"c":3}}]': "'c' stands twice",
    b'"\\ud800"': "not valid Unicode",
    b'{"\\udfff":1}': "not valid Unicode",
    b'["\\ud83d\\ud83d"]': "not valid Unicode",
    b'"\\u0000"': "NUL",
    b'{"a\\u0000b":1}': "NUL",
    b'"\\\\\\u0000"': "NUL",
    b'"\\ufffd\\u0000"': "NUL",
    b'"\xff"': "not UTF-8",
    b'"\xed\xa0\x80"': "not UTF-8",
    b"\xff\xfe{\x00}\x00": "not UTF-8",
    b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1): "nests deeper",
    b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1): "nests deeper",
    b"[" * 100_000: "nests deeper",
}


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: repr(body[:24]))
def test_it_is_refused_with_the_reason(body: bytes) -> None:
    with pytest.raises(Malformed, match=REFUSED[body]):
        parse(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"-0", 0),
        (b"1E3", 1000.0),
        (b'"\\\\u0000"', "\\u0000"),  # an escaped backslash, then plain letters
        (b'"\\\\\\\\u0000"', "\\\\u0000"),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        ('"\N{GRINNING FACE}"'.encode(), "\N{GRINNING FACE}"),
        (b'"\\ud7ff\\ue000"', "\ud7ff\ue000"),
        (b'{"a":{"a":1},"b":{"a":1}}', {"a": {"a": 1}, "b": {"a": 1}}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b" \t\r\n[ ]\n", []),
        (b'["9223372036854775808", "NaN"]', ["9223372036854775808", "NaN"]),
        (b"[0.1234567890123456789, 100000000000000000000.0]", [0.12345678901234568, 1e20]),
    ],
)
def test_it_is_accepted_and_means_what_it_says(body: bytes, value: Any) -> None:
    assert parse(body) == (json.loads(body) if value is None else value)


@pytest.mark.parametrize(
    "text", ["[" * 500, "{" * 500, '\\"' + "[" * 500, "[" * 500 + "\\\\", '\\"[{' * 100]
)
def test_brackets_inside_strings_are_no_nesting(text: str) -> None:
    value = {"text": text, text: [text]}
    assert parse(json.dumps(value).encode()) == value


def test_many_brackets_side_by_side_are_no_nesting() -> None:
    assert parse(b"[" + b"[],{}," * 500 + b"[]]")[0] == []


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 70 + b'"' + b'\\"' * 250_000,
        b"[" * 70 + b'"' + b"\\" * 500_000,
        b"[" * 70 + b'["",' * 125_000,
        b'"' + b"\\" * 500_001 + b"u0000",
    ],
    ids=["quotes in a string without end", "backslashes without end", "strings", "before NUL"],
)
def test_no_body_takes_long_to_refuse(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Malformed):
        parse(body)
    assert time.process_time() - began < 1


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_on_good_documents_it_agrees_with_the_standard_library(
    value: Any, ascii_only: bool
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse(body) == json.loads(body) == value
    assert repr(parse(body)) == repr(json.loads(body))  # 1 is not 1.0


@given(VALUES)
def test_what_was_parsed_can_be_dumped_and_parsed_again(value: Any) -> None:
    once = parse(json.dumps(value).encode())
    assert parse(dump(once).encode()) == once


@given(st.binary(max_size=60) | st.text('[]{}",:\\u0d8e1N-. \n', max_size=60).map(str.encode))
def test_junk_is_a_value_or_malformed_and_never_another_error(body: bytes) -> None:
    try:
        value = parse(body)
    except Malformed:
        return
    assert repr(value) == repr(json.loads(body))
