"""Bells: the ids of runnable jobs as bytes, and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.bells import MAX_IDS, decode_bell, encode_bell, into_bells
from shared.contracts.ids import nth_id
from tests.builders import a_job

SEED = a_job().id
IDS = [nth_id(SEED, n) for n in range(200)]


@given(st.lists(st.sampled_from(IDS), min_size=1, max_size=MAX_IDS, unique=True))
def test_a_bell_says_what_was_put_into_it(ids: list[str]) -> None:
    assert decode_bell(encode_bell(ids)) == ids


def test_a_bell_for_one_job_and_one_for_many_look_as_the_api_says() -> None:
    assert json.loads(encode_bell(IDS[:1])) == {"id": IDS[0]}
    assert json.loads(encode_bell(IDS[:2])) == {"ids": IDS[:2]}


def test_an_id_that_stands_twice_is_heard_once() -> None:
    assert decode_bell(encode_bell([IDS[0], IDS[1], IDS[0]])) == IDS[:2]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b'"x"', b"{}", b'{"id":1}', b'{"id":null}', b'{"ids":"x"}', b"\xff"),
        *(b'{"ids":[null]}', b'{"ids":[["a"]]}', b'{"id":"x"}', b'{"id":["x"]}', b"[" * 5000),
    ],
)
def test_an_unreadable_bell_is_a_value_error_with_a_reason(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"not JSON|not an object|must hold"):
        decode_bell(body)


@given(st.binary(max_size=80))
def test_junk_raises_nothing_but_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_bell(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(IDS),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "ids", "x"]), inner),
)


@given(JSON)
def test_any_json_is_ids_or_a_value_error(value: object) -> None:
    try:
        ids = decode_bell(json.dumps(value).encode())
    except ValueError:
        return
    assert all(each in IDS for each in ids)


@given(st.integers(min_value=0, max_value=200))
def test_splitting_into_bells_keeps_every_id_in_order_and_no_bell_is_too_large(count: int) -> None:
    bells = list(into_bells(iter(IDS[:count])))
    assert [each for bell in bells for each in bell] == IDS[:count]
    assert all(0 < len(bell) <= MAX_IDS for bell in bells)
