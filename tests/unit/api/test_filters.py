"""Filters of a subscription: which jobs fit, and which hints are worth a look."""

from typing import Any

import pytest

from api.filters import JobFilter, read_filter
from shared.contracts.errors import InvalidInput
from shared.contracts.events import hint_of
from shared.contracts.moves import Status
from tests.builders import a_job_in

JOB = a_job_in(Status.RUNNING, task="mail.send", queue="mail", tags=("a", "b"))


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"status": "running"},
        {"task": "mail.send"},
        {"queue": "mail"},
        {"tag": "b"},
        {"status": "running", "task": "mail.send", "queue": "mail", "tag": "a"},
    ],
)
def test_a_job_fits_if_everything_that_is_asked_is_so(wanted: dict[str, Any]) -> None:
    assert read_filter(wanted).fits(JOB)
    assert read_filter(wanted).may_fit(hint_of(JOB))


@pytest.mark.parametrize(
    "wanted",
    [{"task": "mail"}, {"queue": "default"}, {"tag": "c"}, {"tag": "a", "queue": "default"}],
)
def test_a_job_does_not_fit_if_anything_differs(wanted: dict[str, Any]) -> None:
    assert not read_filter(wanted).fits(JOB)
    assert not read_filter(wanted).may_fit(hint_of(JOB))


def test_a_hint_cannot_rule_out_a_status_because_the_job_may_have_moved_on() -> None:
    failed = JobFilter(status=Status.FAILED)
    assert not failed.fits(JOB)
    assert failed.may_fit(hint_of(JOB))


@pytest.mark.parametrize(
    "value", [None, [], "x", {"status": "odd"}, {"tag": 1}, {"colour": "red"}, {"task": ["a"]}]
)
def test_what_is_no_filter_is_invalid_input(value: Any) -> None:
    with pytest.raises(InvalidInput):
        read_filter(value)
