"""`http.get` of a job with limits heeds what the server says."""

import pytest

from warren import RateLimited
from warren.job import Job
from warren.recorder import Recorder
from worker.outbound.fetcher import Fetched
from worker.tasks.http import heed, retry_after

NOON = 1_780_315_200.0  # 2026-06-01T12:00:00Z


def an_answer(status: int, **headers: str) -> Fetched:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fetched("http://x/", status, told, b"", truncated=False, charset=None, redirects=())


def heard(answer: Fetched) -> int:
    port = Recorder()
    heed(answer, Job(id="1", attempt=1, input={}, port=port))
    return port.outages


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("0", 0),
        ("Mon, 01 Jun 2026 12:00:30 GMT", 30),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("99999999", 86_400),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=NOON) == seconds


@pytest.mark.parametrize(
    ("answer", "after_s"),
    [
        (an_answer(429), None),
        (an_answer(429, retry_after="3"), 3),
        (an_answer(503, retry_after="2"), 2),
    ],
)
def test_a_server_that_asks_for_a_pause_gets_one(answer: Fetched, after_s: float | None) -> None:
    with pytest.raises(RateLimited) as caught:
        heard(answer)
    assert caught.value.after_s == after_s


@pytest.mark.parametrize(("status", "outages"), [(200, 0), (404, 0), (500, 1), (503, 1)])
def test_any_other_answer_is_a_result_and_some_are_outages(status: int, outages: int) -> None:
    assert heard(an_answer(status)) == outages
