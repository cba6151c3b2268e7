"""Keys of jobs: given, or made of the input by the task's template."""

from typing import Any

import pytest

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import InvalidInput
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.strict_json import dump
from shared.contracts.submission import read_submission, to_job
from tests.builders import NOON

SCHEMA = {"type": "object", "properties": {"region": {"type": "string", "default": "eu"}}}


def job_of(given: dict[str, Any], entry: dict[str, Any], **options: Any) -> Job:
    submission = read_submission({"task": "t", "input": given, **options})
    task = TaskEntry(name="t", queue="q", execution="loop", input_schema=SCHEMA, **entry)
    return to_job(submission, task, input_text=dump(given), job_id=None, now=NOON)


def test_a_job_with_a_key_stands_in_line_for_it() -> None:
    job = job_of({}, {}, key="k", key_limit=2, when_busy="fail")
    assert (job.status, job.because, job.lane) == (Status.WAITING, "key", "k")
    assert (job.keys, job.key_limit, job.when_busy) == (("k",), 2, "fail")


def test_several_keys_are_taken_in_one_order_whatever_the_client_says() -> None:
    assert job_of({}, {}, key=["b", "a", "b"]).keys == ("a", "b")


def test_one_whose_time_has_not_come_is_not_in_line_yet() -> None:
    job = job_of({}, {}, key="k", delay_s=60)
    assert (job.because, job.lane, job.keys) == ("schedule", None, ("k",))


@pytest.mark.parametrize(
    ("template", "given", "key"),
    [
        ("customer:{id}", {"id": 42}, "customer:42"),
        ("{order.customer}", {"order": {"customer": "x"}}, "x"),
        ("{region}/{{}}", {}, "eu/{}"),
        ("{price}-{flag}", {"price": 1.5, "flag": True}, "1.5-true"),
        ("{id}", {"id": "$where {x}"}, "$where {x}"),
    ],
)
def test_a_template_is_filled_from_the_input(
    template: str, given: dict[str, Any], key: str
) -> None:
    assert job_of(given, {"key": (template,)}).keys == (key,)


@pytest.mark.parametrize("given", [{}, {"id": None}, {"id": [1]}, {"id": ""}, {"id": "x" * 201}])
def test_an_input_of_which_no_key_can_be_made_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        job_of(given, {"key": ("{id}",)})
    [fault] = refused.value.faults
    assert fault.pointer == "/key"
    assert "{id}" in fault.message


def test_what_a_submission_says_goes_before_what_the_task_says() -> None:
    entry = {"key": ("{id}",), "key_limit": 3, "when_busy": "drop_new"}
    job = job_of({"id": 1}, entry)
    assert (job.keys, job.key_limit, job.when_busy) == (("1",), 3, "drop_new")
    job = job_of({"id": 1}, entry, key="other", key_limit=1, when_busy="wait")
    assert (job.keys, job.key_limit, job.when_busy) == (("other",), 1, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("key", ""), ("key", []), ("key", ["a"] * 9), ("key", "a\0"), ("key_limit", 0),
     ("key_limit", 2), ("when_busy", "maybe"), ("key_max_waiting", 0), ("when_busy", "fail")],
)  # fmt: skip
def test_fields_that_make_no_sense_are_refused_where_they_stand(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        job_of({}, {}, **{field: value})
    assert refused.value.faults[0].pointer.startswith(f"/{field}")
