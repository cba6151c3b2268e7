"""Hints: which job changed, under which routing key, as bytes and back."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.events import (
    NEW_JOBS,
    SHARDS,
    Hint,
    decode_hints,
    encode_hints,
    hint_of,
    shard_key,
)
from shared.contracts.ids import new_id, nth_id
from shared.contracts.moves import Status
from shared.contracts.workflow.names import seed_of
from tests.builders import NOON, a_job, a_job_in

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WORDS = st.lists(TEXT).map(tuple)
HINTS = st.builds(Hint, TEXT, TEXT, TEXT, TEXT, WORDS, WORDS)


@given(st.lists(HINTS))
def test_hints_come_out_as_they_went_in(hints: list[Hint]) -> None:
    assert decode_hints(encode_hints(hints)) == hints


@pytest.mark.parametrize("status", Status)
def test_a_hint_of_a_job_tells_of_its_status_and_what_filters_ask_for(status: Status) -> None:
    job = a_job_in(status, tags=("a", "b"))
    assert hint_of(job) == Hint(job.id, f"job.{status}", job.task, job.queue, ("a", "b"))


def test_a_hint_can_tell_of_something_else() -> None:
    assert hint_of(a_job(), "job.progress").event == "job.progress"


def test_a_hint_carries_no_state() -> None:
    job = a_job(input='{"secret":"xyzzy"}')
    assert b"xyzzy" not in encode_hints([hint_of(job)])


def test_jobs_fall_into_every_shard_and_never_under_the_key_of_new_jobs() -> None:
    keys = {shard_key(new_id(NOON + timedelta(milliseconds=n))) for n in range(500)}
    assert keys == {f"job.{n}" for n in range(SHARDS)}
    assert NEW_JOBS not in keys


def test_all_jobs_of_a_workflow_travel_under_one_key() -> None:
    workflow = a_job().id
    grown = [nth_id(seed_of(nth_id(workflow, n), growth="foreach"), n) for n in range(50)]
    assert {shard_key(each) for each in (workflow, *grown)} == {shard_key(workflow)}


@pytest.mark.parametrize(
    "row",
    [
        *("[]", '["a"]', "1", "null", '["i","e","t","q",null]', '["i","e","t","q",1]'),
        *('["i","e","t","q",[],1]', '[1,"e","t","q",[]]', '[["i"],"e","t","q",[]]'),
        *('["i",{},"t","q",[]]', '["i","e",null,"q",[]]'),
    ],
)
def test_a_row_that_is_no_hint_is_a_value_error(row: str) -> None:
    with pytest.raises(ValueError, match="not an events message"):
        decode_hints(f"[{row}]".encode())


@given(st.binary(max_size=60))
def test_junk_raises_nothing_but_value_error(body: bytes) -> None:
    try:
        hints = decode_hints(body)
    except ValueError:
        return
    assert json.loads(body) in ([], {}, "")
    assert hints == []
