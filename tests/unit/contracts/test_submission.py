"""Submissions: what is taken, what is refused and how, and the job that one makes."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.ids import instant_of, is_id
from shared.contracts.submission import (
    LATER,
    MOST_BYTES,
    Options,
    read_options,
    read_submission,
    to_job,
)
from tests.builders import NOON

ENTRY = TaskEntry(name="math.add", queue="math", execution="loop", timeout_s=30)


def faults(value: Any) -> list[Fault]:
    with pytest.raises(InvalidInput) as refused:
        read_submission(value)
    return refused.value.faults


def made(options: Options | None = None, entry: TaskEntry = ENTRY, **given: Any) -> Any:
    given = {"input_text": "{}", "job_id": None, "now": NOON} | given
    return to_job(options or Options(), entry, **given)


def test_a_submission_needs_only_its_task() -> None:
    submission = read_submission({"task": "math.add"})
    assert (submission.task, submission.input, submission.queue) == ("math.add", {}, None)
    assert (submission.priority, submission.tags, submission.metadata) == (None, [], {})


def test_everything_that_may_be_said_is_taken() -> None:
    given = {
        "task": "math.add",
        "input": {"x": {"$deep": [1, None]}},
        "queue": "a.B-c_1",
        "priority": 0,
        "timeout_s": 2,
        "tags": ["a", "b c"],
        "metadata": {"k": [1]},
    }
    assert read_submission(given).model_dump(exclude_unset=True) == given


WRONG: dict[str, list[Any]] = {
    "task": [None, "", "x" * 201, 1, ["a"]],
    "input": [None, [], "{}", 1],
    "queue": ["", "a b", "a\n", "a/b", ".a", "x" * 65, 1],
    "priority": [-1, 10, "5", 5.0, True],
    "timeout_s": [0, -1, 1e9, "1", True],
    "tags": ["a", [""], [1], ["x" * 101], ["a"] * 21, None],
    "metadata": [[], "x", None],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field in WRONG for value in WRONG[field]]
)
def test_a_value_that_does_not_fit_is_refused_at_its_place(field: str, value: Any) -> None:
    found = faults({"task": "math.add", field: value})
    assert all(fault.pointer.startswith(f"/{field}") for fault in found)
    assert all(fault.message for fault in found)


def test_an_empty_submission_is_refused_for_its_task() -> None:
    assert [fault.pointer for fault in faults({})] == ["/task"]


@pytest.mark.parametrize("field", sorted(LATER))
def test_a_field_that_comes_later_is_refused_and_said_so(field: str) -> None:
    [fault] = faults({"task": "math.add", field: 1})
    assert fault == Fault(f"/{field}", "this version of Warren does not serve this field yet")


@pytest.mark.parametrize(("field", "pointer"), [("colour", "/colour"), ("a/b~c", "/a~1b~0c")])
def test_an_unknown_field_is_refused_by_its_pointer(field: str, pointer: str) -> None:
    assert faults({"task": "math.add", field: 1}) == [Fault(pointer, "there is no such field")]


def test_every_fault_is_told_at_once_and_none_echoes_the_input() -> None:
    found = faults({"task": "", "priority": "secret-value", "tags": [1, "ok", 2], "x": "secret"})
    assert {fault.pointer for fault in found} == {"/task", "/priority", "/tags/0", "/tags/2", "/x"}
    assert "secret" not in " ".join(fault.message for fault in found)


@given(
    st.dictionaries(
        st.sampled_from(["task", "input", "queue", "priority", "timeout_s", "tags", "x"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_any_object_is_a_submission_or_invalid_input(value: dict[str, Any]) -> None:
    with suppress(InvalidInput):
        assert read_submission(value).task == value["task"]


def test_options_in_a_query_are_text() -> None:
    options = read_options({"priority": "7", "timeout_s": "1.5", "tags": ["a"], "queue": "q"})
    assert (options.priority, options.timeout_s, options.tags) == (7, 1.5, ["a"])


@pytest.mark.parametrize("given", [{"priority": "x"}, {"task": "t"}, {"timeout_s": "nan"}])
def test_options_in_a_query_that_do_not_fit_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        read_options(given)


def test_a_job_takes_from_its_task_what_was_not_said() -> None:
    job = made()
    assert (job.task, job.queue, job.timeout_s, job.created_at) == ("math.add", "math", 30, NOON)
    assert is_id(job.id)
    assert instant_of(job.id) == NOON


def test_what_was_said_comes_before_what_the_task_says() -> None:
    job = made(Options(queue="mail", timeout_s=1, tags=["a"], metadata={"k": 1}), job_id="given")
    assert (job.queue, job.timeout_s, job.tags, job.metadata) == ("mail", 1, ("a",), '{"k":1}')
    assert job.id == "given"


def test_a_timeout_for_a_task_in_a_thread_is_refused_with_what_to_do() -> None:
    entry = TaskEntry(name="t.t", queue="q", execution="thread")
    with pytest.raises(InvalidInput, match=r"/timeout_s: .*process=True"):
        made(Options(timeout_s=1), entry)
    assert made(Options(), entry).timeout_s is None


@pytest.mark.parametrize("character", ["x", "\N{GRINNING FACE}"])
def test_what_would_leave_no_room_for_a_result_is_refused(character: str) -> None:
    most = MOST_BYTES // len(character.encode())
    assert made(input_text=character * (most - 2)).input
    with pytest.raises(InvalidInput, match="send a reference"):
        made(input_text=character * (most + 1))
    with pytest.raises(InvalidInput, match="send a reference"):
        made(Options(metadata={"k": character * (most // 2)}), input_text=character * (most // 2))
