"""The lifecycle: which moves are legal, and what each leaves behind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.attempt import Backoff
from shared.contracts.errors import IllegalMove
from shared.contracts.job import MAX_LOST, MOST_PAST_ATTEMPTS, Job
from shared.contracts.moves import ENDS, MOVES, Move, Status
from tests.builders import LATER, a_claim, a_failure, a_job, a_job_in, a_running_job

Step = Callable[[Job], Job]
A_MINUTE = timedelta(minutes=1)

STEPS: dict[Move, Step] = {
    Move.CLAIM: lambda job: job.claimed(by=a_claim(), at=LATER),
    Move.INHERIT: lambda job: job.inherited(by=a_claim(), at=LATER),
    Move.SUCCEED: lambda job: job.succeeded(result="5", at=LATER),
    Move.FAIL: lambda job: job.failed(error=a_failure(), at=LATER),
    Move.HAND_BACK: lambda job: job.handed_back(at=LATER),
    Move.LOSE: lambda job: job.lost_its_worker(at=LATER),
    Move.OPEN: lambda job: job.opened(at=LATER),
    Move.RETRY: lambda job: job.tried_in_vain(error=a_failure(), delay=A_MINUTE, at=LATER),
    Move.SNOOZE: lambda job: job.snoozed(delay=A_MINUTE, at=LATER),
    Move.STAND_IN_LINE: lambda job: job.limited(limit="api", turn_at=LATER),
    Move.CANCEL: lambda job: job.cancelled(at=LATER),
    Move.EXPIRE: lambda job: job.expired(at=LATER),
    Move.AGAIN: lambda job: job.again(at=LATER),
    Move.HOLD: lambda job: job.held_again(at=LATER),
    Move.LINE_UP: lambda job: replace(job, keys=("k",), lane=None).opened(at=LATER),
    Move.AGAIN_IN_LINE: lambda job: replace(job, keys=("k",)).again(at=LATER),
    Move.TURN_AWAY: lambda job: job.turned_away(error=a_failure(), at=LATER),
    Move.SKIP: lambda job: job.skipped(at=LATER),
    Move.AWAIT: lambda job: job.awaiting(result="5"),
    Move.COMPLETE: lambda job: job.completed(result="5", at=LATER),
    Move.FOUNDER: lambda job: job.foundered(error=a_failure(), at=LATER),
}
BY_HAND = {Move.AGAIN, Move.AGAIN_IN_LINE, Move.HOLD}
EVERY_PAIR = [(move, status) for move in Move for status in Status]
LEGAL = [(move, status) for move, status in EVERY_PAIR if status in MOVES[move][0]]
ILLEGAL = [pair for pair in EVERY_PAIR if pair not in LEGAL]


def test_every_move_of_the_table_has_a_step_here_and_starts_somewhere() -> None:
    assert set(STEPS) == set(MOVES) == set(Move)
    assert {move for move, _ in LEGAL} == set(Move)


@pytest.mark.parametrize(("move", "status"), LEGAL)
def test_a_legal_move_leads_where_the_table_says_and_is_one_version_more(
    move: Move, status: Status
) -> None:
    before = a_job_in(status)
    after = STEPS[move](before)
    assert after.status is MOVES[move][1]
    assert after.version == before.version + 1
    assert after.id == before.id


@pytest.mark.parametrize(("move", "status"), ILLEGAL)
def test_an_illegal_move_is_refused_and_says_what_the_job_is(move: Move, status: Status) -> None:
    job = a_job_in(status)
    with pytest.raises(IllegalMove, match=f"job {job.id} is {status}; it cannot {move}") as refused:
        STEPS[move](job)
    assert (refused.value.job_id, refused.value.current) == (job.id, status)


@given(st.lists(st.sampled_from(list(Move)), max_size=80))
def test_whatever_happens_the_version_counts_the_changes_and_an_end_is_final(
    moves: list[Move],
) -> None:
    job = a_job()
    for move in moves:
        before = job
        try:
            job = STEPS[move](job)
        except IllegalMove:
            assert job == before
            continue
        assert not before.done or move in BY_HAND
        assert job.version == before.version + 1
        begun = (move in (Move.CLAIM, Move.INHERIT)) - (move is Move.STAND_IN_LINE)
        assert job.starts == before.starts + begun
        assert 0 <= job.attempt <= job.starts
        assert (job.status is Status.RUNNING) <= (job.claim is not None)
        untimed = job.because in ("jobs", "key") or job.line is not None
        assert (job.due_at is not None) == (job.status is Status.WAITING and not untimed)
        assert len(job.past_attempts) <= MOST_PAST_ATTEMPTS


def test_only_a_manual_retry_leaves_an_end() -> None:
    assert {move for move, (sources, _) in MOVES.items() if sources & ENDS} == BY_HAND


def test_a_move_returns_a_new_job_and_leaves_the_old_one_alone() -> None:
    before = a_job()
    kept = replace(before)
    before.claimed(by=a_claim(), at=LATER)
    assert before == kept


def test_a_claimed_job_names_its_worker_and_counts_a_start_and_an_attempt() -> None:
    job = a_job(attempt=0, starts=2).claimed(by=a_claim(worker="w"), at=LATER)
    assert job.claim == a_claim(worker="w")
    assert (job.attempt, job.starts, job.started_at) == (1, 3, LATER)


def test_a_succeeded_job_has_its_result_and_no_error() -> None:
    job = a_running_job().succeeded(result="[1]", at=LATER)
    assert (job.result, job.error, job.finished_at, job.done) == ("[1]", None, LATER, True)


def test_a_failed_job_has_its_error_and_no_result() -> None:
    job = a_running_job().failed(error=a_failure(), at=LATER)
    assert (job.result, job.error, job.finished_at) == (None, a_failure(), LATER)


@pytest.mark.parametrize("move", [Move.HAND_BACK, Move.LOSE])
def test_a_job_that_goes_back_costs_no_attempt_and_remembers_it(move: Move) -> None:
    first = a_job().claimed(by=a_claim(worker="w"), at=LATER)
    back = STEPS[move](replace(first, published=True))
    assert (back.attempt, back.starts) == (0, 1)
    assert (back.claim, back.started_at, back.progress, back.published) == (None, None, None, False)
    [past] = back.past_attempts
    assert (past.attempt, past.worker, past.started_at) == (1, "w", LATER)
    assert past.outcome == {Move.HAND_BACK: "handed-back", Move.LOSE: "lost"}[move]


def test_a_job_that_is_handed_back_is_no_suspect() -> None:
    assert a_running_job().handed_back(at=LATER).lost == 0


def test_losing_workers_among_neighbours_never_fails_a_job() -> None:
    job = a_job()
    for _ in range(10 * MAX_LOST):
        job = job.claimed(by=a_claim(), at=LATER).lost_its_worker(at=LATER)
    assert job.status is Status.QUEUED
    assert (job.lost, job.lost_alone) == (10 * MAX_LOST, 0)


def test_a_job_that_loses_its_worker_alone_too_often_fails_with_worker_lost() -> None:
    job = a_job()
    for time in range(1, MAX_LOST + 1):
        assert job.status is Status.QUEUED
        job = job.claimed(by=a_claim(alone=True), at=LATER).lost_its_worker(at=LATER)
        assert job.lost_alone == time
    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error.type, job.error.retryable, job.finished_at) == ("worker-lost", False, LATER)
    assert job.unsettled  # its worker is dead, so somebody else does the follow-ups


def test_only_losses_while_alone_count_towards_the_limit() -> None:
    job = a_running_job(lost=5, lost_alone=MAX_LOST - 1, claim=a_claim(alone=False))
    assert job.lost_its_worker(at=LATER).status is Status.QUEUED


def test_a_failed_attempt_is_remembered_with_its_error_and_the_time_of_the_next() -> None:
    running = a_running_job(attempt=2, max_attempts=3, cancel_asked_at=None)
    after = running.tried_in_vain(error=a_failure(), delay=A_MINUTE, at=LATER)
    assert (after.due_at, after.because, after.attempt) == (LATER + A_MINUTE, "retry", 2)
    assert (after.claim, after.error, after.queued_at) == (None, None, None)
    [past] = after.past_attempts
    assert (past.outcome, past.error, past.until) == ("failed", a_failure(), LATER + A_MINUTE)
    assert (past.worker, past.token) == ("worker-1", "token-1")


def test_a_snooze_costs_no_attempt() -> None:
    after = a_running_job(attempt=2).snoozed(delay=A_MINUTE, at=LATER)
    assert (after.attempt, after.snoozes, after.past_attempts[-1].outcome) == (1, 1, "snoozed")


def test_another_attempt_needs_a_retryable_error_attempts_left_and_time() -> None:
    job = a_running_job(attempt=1, max_attempts=2)
    assert job.may_try_again(a_failure(), A_MINUTE, at=LATER)
    assert not job.may_try_again(a_failure(retryable=False), A_MINUTE, at=LATER)
    assert not replace(job, attempt=2).may_try_again(a_failure(), A_MINUTE, at=LATER)
    assert not replace(job, expires_at=LATER + A_MINUTE).may_try_again(
        a_failure(), A_MINUTE, at=LATER
    )


@pytest.mark.parametrize("step", [Move.LOSE, Move.HAND_BACK])
def test_a_job_that_somebody_wants_to_stop_does_not_run_again(step: Move) -> None:
    after = STEPS[step](a_running_job(cancel_asked_at=LATER))
    assert (after.status, after.finished_at, after.unsettled) == (Status.CANCELLED, LATER, True)


def test_a_manual_retry_grants_as_many_attempts_again_and_keeps_the_history() -> None:
    job = a_running_job(attempt=4, max_attempts=4, backoff=Backoff(attempts=4))
    after = job.failed(error=a_failure(), at=LATER).again(at=LATER, input='{"x":2}')
    assert (after.attempt, after.max_attempts, after.input) == (4, 8, '{"x":2}')
    assert (after.error, after.result, after.finished_at) == (None, None, None)
    assert after.past_attempts[-1].outcome == "failed"
    assert after.past_attempts[-1].error == a_failure()


def test_a_job_with_keys_stands_in_line_when_its_time_has_come_and_for_another_run() -> None:
    job = a_job_in(Status.WAITING, keys=("a", "b"))
    in_line = job.opened(at=LATER)
    assert (in_line.status, in_line.because, in_line.lane) == (Status.WAITING, "key", "a")
    assert (in_line.due_at, in_line.queued_at) == (None, None)
    runnable = in_line.opened(at=LATER)
    assert (runnable.status, runnable.because, runnable.lane) == (Status.QUEUED, None, None)
    again = a_job_in(Status.FAILED, keys=("a",)).again(at=LATER)
    assert (again.status, again.lane, again.queued_at) == (Status.WAITING, "a", None)


def test_an_end_takes_a_job_out_of_the_line() -> None:
    in_line = a_job_in(Status.WAITING, keys=("a",)).opened(at=LATER)
    for end in (in_line.cancelled, in_line.expired, in_line.skipped):
        assert (end(at=LATER).lane, end(at=LATER).because) == (None, None)
    assert in_line.turned_away(error=a_failure(), at=LATER).lane is None


def test_a_manual_retry_drops_an_expiry_that_has_passed_and_keeps_one_to_come() -> None:
    past = a_job_in(Status.EXPIRED, expires_at=LATER).again(at=LATER)
    assert past.expires_at is None
    to_come = a_job_in(Status.FAILED, expires_at=LATER + A_MINUTE).again(at=LATER)
    assert to_come.expires_at == LATER + A_MINUTE


def test_the_pause_between_attempts_grows_to_its_cap_and_full_jitter_draws_below_it() -> None:
    steady = Backoff(first_s=1, factor=2, most_s=10, jitter=False)
    assert [steady.delay(n, 0.5).total_seconds() for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 10]
    assert Backoff(first_s=8).delay(1, 0.25).total_seconds() == 2
    assert Backoff(factor=10).delay(10_000, 0.5).total_seconds() == 1800


def test_a_job_without_options_has_the_defaults_that_the_api_promises() -> None:
    job = a_job()
    assert (job.priority, job.max_attempts, job.timeout_s) == (5, 1, None)
    assert (job.input, job.metadata, job.tags) == ("{}", "{}", ())
    assert (job.version, job.attempt, job.status) == (1, 0, Status.QUEUED)


def test_a_job_that_runs_again_behind_others_keeps_its_history_and_waits() -> None:
    failed = a_job_in(Status.FAILED, error=a_failure())
    held = failed.held_again(at=LATER)
    again = failed.again(at=LATER)
    assert (held.status, held.because, held.queued_at) == (Status.WAITING, "jobs", None)
    assert held == replace(
        again, status=Status.WAITING, because="jobs", queued_at=None, version=again.version
    )
    never_ran = a_job_in(Status.SKIPPED, starts=0)
    assert never_ran.held_again(at=LATER).past_attempts == ()


def test_a_job_that_waits_again_for_what_grew_from_it_keeps_its_attempt() -> None:
    failed = a_job_in(Status.FAILED, error=a_failure(), result=None)
    waiting = failed.awaiting_again()
    assert (waiting.status, waiting.because, waiting.unsettled) == (Status.WAITING, "jobs", True)
    assert (waiting.error, waiting.finished_at) == (None, None)
    assert (waiting.starts, waiting.past_attempts) == (failed.starts, failed.past_attempts)
