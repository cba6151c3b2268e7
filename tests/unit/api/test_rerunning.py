"""Running again: the same id, another run, the history kept."""

import pytest

from shared.contracts.attempt import Backoff
from shared.contracts.errors import NotFound
from shared.contracts.moves import ENDS, Status
from tests.builders import LATER, a_failure, a_job_in
from tests.unit.api.steered import Desk

FAILED = {"error": a_failure(), "input": '{"x":1}'}


@pytest.mark.parametrize("status", sorted(ENDS))
async def test_any_end_can_be_left_for_another_run(status: Status) -> None:
    job = a_job_in(status)
    desk = Desk(job)
    again = await desk.rerunning.again(job, input_text=None)
    assert again is not None
    assert (again.status, again.version) == (Status.QUEUED, job.version + 1)
    assert desk.announced == [job.id]
    assert desk.told(job) == ["job.queued"]


async def test_what_was_stays_among_the_attempts_and_the_policy_counts_anew() -> None:
    job = a_job_in(Status.FAILED, backoff=Backoff(attempts=3), max_attempts=3, **FAILED)
    again = await Desk(job).rerunning.again(job, input_text='{"x":2}')
    assert again is not None
    assert (again.input, again.error, again.max_attempts) == ('{"x":2}', None, 4)
    [past] = again.past_attempts
    assert (past.outcome, past.error) == ("failed", a_failure())


@pytest.mark.parametrize("status", sorted(set(Status) - ENDS))
async def test_a_job_that_has_not_ended_is_left_alone(status: Status) -> None:
    job = a_job_in(status)
    desk = Desk(job)
    assert await desk.rerunning.again(job, input_text=None) is None
    assert desk.announced == []


async def test_of_two_that_want_it_at_once_one_gets_it() -> None:
    job = a_job_in(Status.FAILED, **FAILED)
    desk = Desk(job)
    desk.store.meanwhile = [lambda: desk.store.put(job.again(at=LATER))]
    assert await desk.rerunning.again(job, input_text='{"x":2}') is None
    assert desk.now(job).input == '{"x":1}'
    assert desk.announced == []


async def test_a_job_that_is_forgotten_meanwhile_is_not_found() -> None:
    job = a_job_in(Status.FAILED, **FAILED)
    desk = Desk(job)
    desk.store.meanwhile = [lambda: desk.store.lose(job)]
    with pytest.raises(NotFound):
        await desk.rerunning.again(job, input_text=None)


async def test_many_run_again_except_those_that_changed_meanwhile() -> None:
    jobs = [a_job_in(Status.FAILED, **FAILED) for _ in range(3)]
    desk = Desk(*jobs)
    desk.store.meanwhile = [lambda: desk.store.lose(jobs[1])]
    again = await desk.rerunning.all_again(jobs)
    assert [job.id for job in again] == [jobs[0].id, jobs[2].id]
    assert desk.announced == [jobs[0].id, jobs[2].id]
