"""Cancelling: one outcome for each job, whatever happens between the look and the write."""

from dataclasses import replace

import pytest

from shared.contracts.errors import StoreUnavailable
from shared.contracts.moves import Status
from tests.builders import LATER, a_claim, a_job, a_job_in, a_running_job
from tests.unit.api.steered import Desk

STILL = [Status.WAITING, Status.QUEUED]
ENDED = [Status.SUCCEEDED, Status.FAILED, Status.EXPIRED]


@pytest.mark.parametrize("status", STILL)
async def test_a_job_that_does_not_run_ends_at_once(status: Status) -> None:
    job = a_job_in(status)
    desk = Desk(job)
    [now] = await desk.cancelling.cancel([job])
    assert (now.status, now.unsettled, now.due_at) == (Status.CANCELLED, True, None)
    assert desk.told(job) == ["job.cancelled"]
    assert desk.control.cancelled == []


async def test_a_running_job_is_asked_and_its_worker_told() -> None:
    job = a_running_job()
    desk = Desk(job)
    [now] = await desk.cancelling.cancel([job])
    assert (now.status, now.cancel_asked_at, now.version) == (Status.RUNNING, LATER, 3)
    assert desk.control.cancelled == [job.id]
    assert desk.told(job) == ["job.running"]


async def test_asking_again_changes_nothing_and_tells_the_worker_again() -> None:
    job = a_running_job(cancel_asked_at=LATER)
    desk = Desk(job)
    assert await desk.cancelling.cancel([job]) == [job]
    assert desk.control.cancelled == [job.id]
    assert desk.told(job) == []


@pytest.mark.parametrize("status", [Status.CANCELLED, *ENDED])
async def test_an_ended_job_stays_as_it_is(status: Status) -> None:
    job = a_job_in(status)
    desk = Desk(job)
    assert await desk.cancelling.cancel([job]) == [job]
    assert desk.store.journal == []


async def test_a_job_that_a_worker_claims_meanwhile_is_asked_to_stop() -> None:
    job = a_job()
    desk = Desk(job)
    desk.store.meanwhile = [lambda: desk.store.put(job.claimed(by=a_claim(), at=LATER))]
    [now] = await desk.cancelling.cancel([job])
    assert (now.status, now.cancel_asked_at) == (Status.RUNNING, LATER)
    assert desk.control.cancelled == [job.id]


async def test_a_job_that_ends_meanwhile_keeps_its_end() -> None:
    job = a_running_job()
    desk = Desk(job)
    desk.store.meanwhile = [lambda: desk.store.put(job.succeeded(result="1", at=LATER))]
    [now] = await desk.cancelling.cancel([job])
    assert (now.status, now.result) == (Status.SUCCEEDED, "1")


async def test_a_job_that_is_handed_back_meanwhile_is_cancelled_in_the_queue() -> None:
    job = a_running_job()
    desk = Desk(job)
    desk.store.meanwhile = [lambda: desk.store.put(job.handed_back(at=LATER))]
    [now] = await desk.cancelling.cancel([job])
    assert now.status is Status.CANCELLED


async def test_a_job_that_is_gone_meanwhile_is_left_out() -> None:
    job, other = a_job(), a_job()
    desk = Desk(job, other)
    desk.store.meanwhile = [lambda: desk.store.lose(job)]
    assert [now.id for now in await desk.cancelling.cancel([job, other])] == [other.id]


async def test_a_job_that_never_stands_still_is_given_up_in_the_end() -> None:
    job = a_job()
    desk = Desk(job)

    def changes() -> None:
        now = desk.now(job)
        desk.store.put(replace(now, version=now.version + 1))

    desk.store.meanwhile = [changes] * 100
    [now] = await desk.cancelling.cancel([job])
    assert now.status is Status.QUEUED
    assert len(desk.store.meanwhile) > 80


async def test_while_the_database_is_away_the_caller_is_told_and_may_ask_again() -> None:
    job = a_job()
    desk = Desk(job)
    desk.store.outage.calls = 1
    with pytest.raises(StoreUnavailable):
        await desk.cancelling.cancel([job])
    [now] = await desk.cancelling.cancel([job])
    assert now.status is Status.CANCELLED
