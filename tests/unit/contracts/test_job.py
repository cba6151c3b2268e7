"""The lifecycle: which moves are legal, and what each leaves behind."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.errors import IllegalMove
from shared.contracts.job import ENDS, MAX_LOST, MOVES, Job, Move, Status
from tests.builders import LATER, a_claim, a_failure, a_job, a_job_in, a_running_job

Step = Callable[[Job], Job]

STEPS: dict[Move, Step] = {
    Move.CLAIM: lambda job: job.claimed(by=a_claim(), at=LATER),
    Move.SUCCEED: lambda job: job.succeeded(result="5", at=LATER),
    Move.FAIL: lambda job: job.failed(error=a_failure(), at=LATER),
    Move.HAND_BACK: lambda job: job.handed_back(at=LATER),
    Move.LOSE: lambda job: job.lost_its_worker(at=LATER),
}
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


@given(st.lists(st.sampled_from(list(Move)), max_size=30))
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
        assert not before.done
        assert job.version == before.version + 1
        assert job.starts == before.starts + (move is Move.CLAIM)
        assert 0 <= job.attempt <= job.starts
        assert (job.status is Status.RUNNING) <= (job.claim is not None)


def test_no_move_leaves_an_end() -> None:
    assert not any(sources & ENDS for sources, _ in MOVES.values())


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


def test_a_job_without_options_has_the_defaults_that_the_api_promises() -> None:
    job = a_job()
    assert (job.priority, job.max_attempts, job.timeout_s) == (5, 1, None)
    assert (job.input, job.metadata, job.tags) == ("{}", "{}", ())
    assert (job.version, job.attempt, job.status) == (1, 0, Status.QUEUED)
