"""What an outcome says of the other side of a limit, and the clock that turns are kept by."""

import asyncio
import time

import pytest

from shared.contracts.limits.report import Heard
from warren import GiveUp, RateLimited, Retry
from worker.executions import TimedOut
from worker.executions.processes import TaskFailed
from worker.outbound.errors import Unanswered
from worker.outcomes import heard_of
from worker.rest import Rest, rest_of
from worker.store_clock import StoreClock


class TransportError(Exception):
    """As a client for HTTP has it that is not installed here."""


def _caused(cause: Exception) -> Exception:
    error = RuntimeError("could not fetch")
    error.__cause__ = cause
    return error


def _in_a_process(kind: str, rest: dict[str, object] | None = None) -> TaskFailed:
    return TaskFailed({"type": kind, "message": "", "retryable": True, "attempt": 1}, rest)


@pytest.mark.parametrize(
    ("error", "heard", "pause_s"),
    [
        (None, Heard.CLEAN, 0),
        (ValueError("ours"), Heard.CLEAN, 0),
        (GiveUp("ours"), Heard.CLEAN, 0),
        (Retry(5), Heard.CLEAN, 0),
        (FileNotFoundError("ours"), Heard.CLEAN, 0),
        (RateLimited(2.5), Heard.THROTTLED, 2.5),
        (RateLimited(), Heard.THROTTLED, 0),
        (ConnectionRefusedError(), Heard.OUTAGE, 0),
        (TimeoutError(), Heard.OUTAGE, 0),
        (TimedOut(2), Heard.OUTAGE, 0),
        (Unanswered("no"), Heard.OUTAGE, 0),
        (TransportError(), Heard.OUTAGE, 0),
        (_caused(ConnectionResetError()), Heard.OUTAGE, 0),
        (_in_a_process("ValueError"), Heard.CLEAN, 0),
        (_in_a_process("ConnectTimeout"), Heard.OUTAGE, 0),
        (_in_a_process("RateLimited", {"after_s": 3, "because": "limit"}), Heard.THROTTLED, 3),
    ],
)
def test_an_error_of_the_task_says_nothing_against_the_other_side(
    error: BaseException | None, heard: Heard, pause_s: float
) -> None:
    assert heard_of(error) == (heard, pause_s)


def test_a_limited_job_rests_even_if_nobody_said_for_how_long() -> None:
    assert rest_of(RateLimited()) is None
    assert rest_of(RateLimited(), limited=True) == Rest(after_s=1, because="limit")


async def test_the_clock_is_never_ahead_of_the_answers_it_has_seen() -> None:
    clock = StoreClock()
    there = 5_000_000.0
    clock.observe(there, asked_at=time.monotonic() - 0.01)
    assert there <= clock.now() < there + 500
    assert 9.9 <= clock.latest() - clock.now() < 100  # the clock runs on between the two
    clock.observe(there - 300, asked_at=time.monotonic() - 0.4)  # this answer took longer
    assert clock.now() >= there
    began = time.monotonic()
    await clock.wait_until(clock.now() + 30)
    assert time.monotonic() - began >= 0.03
    async with asyncio.timeout(1):
        await clock.wait_until(clock.now() - 1)
