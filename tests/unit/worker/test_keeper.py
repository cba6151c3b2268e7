"""The rescue: the dead give up their jobs, the living never do."""

from datetime import timedelta

import pytest

from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import Job
from shared.contracts.moves import Status
from tests.builders import a_claim, a_job_in, a_running_job
from tests.eventually import eventually
from tests.unit.worker.night import Night


@pytest.fixture
def night() -> Night:
    return Night()


async def test_the_jobs_of_a_worker_that_is_gone_are_queued_again_and_announced(
    night: Night,
) -> None:
    job = night.runs("gone")
    assert await night.rescue.sweep() == 1
    after = night.store.jobs[job.id]
    assert (after.status, after.lost, after.attempt) == (Status.QUEUED, 1, 0)
    assert night.said("ring") == night.said("published") == [[job.id]]
    assert [(hint.job_id, hint.event) for hint in night.hints.told] == [(job.id, "job.queued")]


async def test_the_jobs_of_the_living_are_left_alone(night: Night) -> None:
    job = night.runs("alive")
    night.workers.alive = {"alive"}
    assert await night.rescue.step() == await night.rescue.sweep() == 0
    assert night.store.jobs[job.id] == job
    assert night.said("bury") == []


async def test_a_worker_that_starts_and_claims_while_the_keeper_looks_is_not_buried(
    night: Night,
) -> None:
    def start_and_claim() -> None:
        night.workers.alive.add("new")
        night.runs("new")

    night.workers.after_each_look = start_and_claim
    for _ in range(3):
        assert await night.rescue.sweep() == 0
    assert night.said("bury") == []


async def test_a_worker_whose_lease_ran_out_is_buried_and_its_jobs_go_on(night: Night) -> None:
    job = night.runs("late")
    night.workers.alive = {"late"}
    night.workers.expired = {"late"}
    assert await night.rescue.step() == 1
    assert night.store.jobs[job.id].status is Status.QUEUED


async def test_jobs_of_a_worker_that_fell_silent_are_rung_for_past_its_open_connection(
    night: Night,
) -> None:
    """The broker sends bells in turn, and for a while the silent worker still has its turn."""
    job = night.runs("late")
    night.workers.alive = {"late"}
    night.workers.expired = {"late"}
    await night.rescue.step()
    assert night.said("ring") == [[job.id], [job.id]]


async def test_after_an_outage_no_lease_is_judged_for_a_whole_lease(night: Night) -> None:
    night.workers.alive = {"late"}
    night.workers.expired = {"late"}
    job = night.runs("late")
    night.store.outage.calls = 1
    with pytest.raises(StoreUnavailable):
        await night.rescue.step()
    assert await night.rescue.step() == 0
    assert night.store.jobs[job.id] == job


async def test_after_that_lease_judging_goes_on() -> None:
    night = Night(lease=timedelta(seconds=0.05))
    night.workers.alive = {"late"}
    night.workers.expired = {"late"}
    night.runs("late")
    night.store.outage.calls = 1
    with pytest.raises(StoreUnavailable):
        await night.rescue.step()

    async def released() -> bool:
        return await night.rescue.step() == 1

    await eventually(released)


async def test_a_worker_that_is_known_to_be_dead_is_released_at_once(night: Night) -> None:
    jobs = [night.runs("dead") for _ in range(3)]
    night.workers.alive = {"dead"}  # its lease has not run out yet
    assert await night.rescue.release("dead") == 3
    assert {night.store.jobs[job.id].status for job in jobs} == {Status.QUEUED}
    assert "dead" not in night.workers.alive


async def test_a_job_that_ended_meanwhile_stays_ended(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = night.runs("dead")
    ended = a_job_in(Status.SUCCEEDED, id=job.id, result="1", claim=None)
    looked = [[job], []]
    night.store.put(ended)

    async def held(worker: str, *, most: int) -> list[Job]:
        return looked.pop(0)

    monkeypatch.setattr(night.queries, "held_by", held)
    await night.rescue.release("dead")
    assert night.store.jobs[job.id] == ended
    assert night.hints.told == []
    assert night.said("ring") == []


async def test_a_job_that_killed_its_workers_alone_fails_and_its_follow_ups_are_done(
    night: Night,
) -> None:
    job = night.runs("gone", lost=4, lost_alone=2)
    alone = a_running_job(id=job.id, lost=4, lost_alone=2, claim=a_claim(worker="gone", alone=True))
    night.store.put(alone)
    await night.rescue.sweep()
    after = night.store.jobs[job.id]
    assert (after.status, after.error and after.error.type) == (Status.FAILED, "worker-lost")
    assert night.follow_ups.settled == [job.id]
    assert night.said("ring") == []
    assert {hint.event for hint in night.hints.told} == {"job.failed"}


async def test_without_a_broker_the_dead_are_released_all_the_same(night: Night) -> None:
    job, last = night.runs("gone"), night.runs("gone", lost_alone=2)
    night.store.put(
        a_running_job(id=last.id, lost_alone=2, claim=a_claim(worker="gone", alone=True))
    )
    night.hints.link.up = False  # type: ignore[misc]
    night.ringer.link.up = False  # type: ignore[misc]
    assert await night.rescue.sweep() == 2
    assert night.store.jobs[job.id].status is Status.QUEUED
    failed = night.store.jobs[last.id]
    assert (failed.status, failed.unsettled) == (Status.FAILED, True)  # settled once it is back
