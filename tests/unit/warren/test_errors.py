"""Errors are one tree, speak in sentences, and survive a trip between processes."""

import pickle
from datetime import timedelta
from typing import Any

import pytest

from warren import (
    AlreadyFinished,
    GiveUp,
    InvalidInput,
    JobFailed,
    JobTimeout,
    JobView,
    NotFinished,
    Problem,
    RateLimited,
    Retry,
    SoftTimeout,
    Unreachable,
    Unserialisable,
    WarrenError,
)

EVERY = [
    InvalidInput([{"pointer": "/x", "message": "is odd"}], task="t.f"),
    Unserialisable("NaN is not JSON"),
    Retry(5, "busy"),
    GiveUp("no use"),
    RateLimited(2.5),
    SoftTimeout(2.5),
    AlreadyFinished(status=409, type="/problems/already-finished", detail="job 1 has ended"),
    Problem(status=404, type="/problems/not-found", title="Not found", detail="no job 1"),
    Unreachable("gone"),
    JobFailed(JobView(id="1", task="t.f", status="cancelled")),
    JobTimeout("1", 2.0),
    NotFinished("1"),
]


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_in_another_process(error: WarrenError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert isinstance(again, WarrenError)
    assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize("error", [Retry(), GiveUp(), RateLimited()], ids=repr)
def test_signals_need_no_arguments(error: WarrenError) -> None:
    assert str(error)


def test_a_rest_is_a_number_of_seconds_or_a_timedelta() -> None:
    assert Retry(timedelta(minutes=1)).after_s == 60
    assert str(RateLimited(timedelta(minutes=1))).endswith("asked for 60 s of pause")
    wrong: Any = "the service is busy"
    with pytest.raises(TypeError, match="must be a number of seconds or a timedelta"):
        Retry(wrong)


def test_errors_say_what_happened_and_to_which_job() -> None:
    assert str(EVERY[0]) == "invalid input for t.f: /x: is odd"
    assert str(RateLimited(2.5)) == "the other side limits the rate; it asked for 2.5 s of pause"
    assert str(Problem(status=502, title="Bad Gateway")) == "502 Bad Gateway: Bad Gateway"
