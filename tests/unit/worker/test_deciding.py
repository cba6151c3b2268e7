"""What follows an attempt that did not succeed."""

from datetime import timedelta

import pytest

from shared.contracts.attempt import Backoff
from shared.contracts.job import Job
from shared.contracts.moves import Move
from shared.infrastructure.end_statements import End
from tests.builders import LATER, NOON, a_failure, a_running_job
from tests.unit.worker.bench import Bench
from worker.attempt import Attempt
from worker.deciding import end_of_failure
from worker.rest import Rest

PLAIN = Backoff(attempts=3, first_s=2, factor=10, most_s=50, jitter=False)


def decide(job: Job, *, chance: float = 0.5, asked: bool = False, **error: object) -> End:
    return end_of_failure(job, a_failure(**error), None, at=NOON, chance=chance, asked=asked)


def trying(attempt: int = 1, **overrides: object) -> Job:
    return a_running_job(attempt=attempt, **{"max_attempts": 3, "backoff": PLAIN} | overrides)


def seconds(end: End) -> float:
    return end.delay.total_seconds()


def test_a_job_without_a_policy_has_one_attempt() -> None:
    assert decide(a_running_job()).move is Move.FAIL


def test_attempts_that_are_left_follow_after_longer_and_longer_pauses() -> None:
    ends = [decide(trying(attempt)) for attempt in (1, 2, 3)]
    assert [end.move for end in ends] == [Move.RETRY, Move.RETRY, Move.FAIL]
    assert [seconds(end) for end in ends[:2]] == [2, 20]
    assert all(end.error == a_failure() for end in ends)


def test_jitter_draws_the_pause_from_below_its_bound() -> None:
    job = trying(backoff=Backoff(first_s=8))
    assert [seconds(decide(job, chance=chance)) for chance in (0, 0.5, 0.75)] == [0, 4, 6]


def test_another_run_begins_with_the_shortest_pause() -> None:
    assert seconds(decide(trying(4, max_attempts=6))) == 2
    assert seconds(decide(trying(5, max_attempts=6))) == 20


def test_an_error_that_is_final_ends_the_job_whatever_is_left() -> None:
    assert decide(trying(), retryable=False).move is Move.FAIL


@pytest.mark.parametrize(("allowed_s", "move"), [(2.1, Move.RETRY), (2, Move.FAIL)])
def test_no_attempt_begins_at_or_after_the_jobs_time_has_passed(
    allowed_s: float, move: Move
) -> None:
    end = decide(trying(expires_at=NOON + timedelta(seconds=allowed_s)))
    assert (end.move, end.error) == (move, a_failure())


def test_a_rest_is_no_attempt_and_says_what_it_is_for() -> None:
    rest = Rest(after_s=7, because="limit")
    end = end_of_failure(a_running_job(), a_failure(), rest, at=NOON, chance=0, asked=False)
    assert (end.move, seconds(end), end.because) == (Move.SNOOZE, 7, "limit")


def test_a_job_that_is_to_be_cancelled_is_not_tried_again() -> None:
    assert decide(trying(), asked=True).move is Move.CANCEL
    assert decide(trying(3), asked=True).move is Move.FAIL  # it failed before it was told
    rest = Rest(after_s=7, because="retry")
    end = end_of_failure(trying(), a_failure(), rest, at=NOON, chance=0, asked=True)
    assert end.move is Move.CANCEL


@pytest.mark.parametrize("way", ["", "_in_a_thread", "_in_a_process"])
async def test_a_task_asks_for_a_rest_by_what_it_raises(bench: Bench, way: str) -> None:
    job = {"max_attempts": 3, "backoff": PLAIN}
    ends = [
        await bench.end_of(f"rests{way}", {"what": what}, **job)
        for what in ("retry", "limit", "no time")
    ]
    assert [end.move for end in ends] == [Move.SNOOZE, Move.SNOOZE, Move.RETRY]
    assert [seconds(end) for end in ends] == [2, 60, 2]
    assert [end.because for end in ends[:2]] == ["retry", "limit"]


async def test_a_task_says_which_errors_may_pass(bench: Bench) -> None:
    names = ("KeyError", "IndexError", "OSError")
    ends = [await bench.end_of("picky", {"what": name}, max_attempts=2) for name in names]
    assert [end.move for end in ends] == [Move.RETRY, Move.FAIL, Move.RETRY]
    assert (await bench.end_of("picky_in_a_process", max_attempts=2)).move is Move.FAIL


@pytest.mark.parametrize(
    ("name", "input", "move"),
    [
        ("always_late", {}, Move.RETRY),
        ("late_for_good", {}, Move.FAIL),
        ("leaves", {"code": 7}, Move.RETRY),
        ("returns_bytes", {"count": 2000}, Move.FAIL),
        ("returns", {"what": "nan"}, Move.FAIL),
        ("raises", {"what": "GiveUp"}, Move.FAIL),
        ("echo", {}, Move.FAIL),
    ],
)
async def test_some_failures_are_worth_another_attempt(
    bench: Bench, name: str, input: dict[str, object], move: Move
) -> None:
    assert (await bench.end_of(name, input, max_attempts=2)).move is move


async def test_a_job_that_was_claimed_after_its_time_does_not_run(bench: Bench) -> None:
    on_time = await bench.end_of("echo", {"value": 1}, expires_at=LATER, started_at=NOON)
    late = await bench.end_of("echo", {"value": 1}, expires_at=LATER, started_at=LATER)
    assert (on_time.move, late.move, late.result) == (Move.SUCCEED, Move.EXPIRE, None)


async def test_a_job_that_was_to_be_cancelled_when_it_was_claimed_does_not_run(
    bench: Bench,
) -> None:
    end = await bench.end_of("echo", {"value": 1}, cancel_asked_at=NOON)
    assert (end.move, end.result) == (Move.CANCEL, None)


@pytest.mark.parametrize("name", ["tells_of_its_job", "tells_of_its_job_from_a_process"])
async def test_a_task_sees_its_job(bench: Bench, name: str) -> None:
    job = bench.job(name, attempt=2, max_attempts=5, schedule_id="nightly", nominal_at=NOON)
    end = await bench.start(Attempt(job))
    assert end.result == f'["{job.id}",2,5,"nightly","2026-06-01 12:00:00+00:00"]'
