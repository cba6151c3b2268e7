"""What others want of a worker: MongoDB decides, a message only hurries."""

import asyncio
from dataclasses import replace

import pytest

from shared.contracts.control import Order
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.pauses import Pause, Paused
from tests.builders import NOON, a_job
from tests.eventually import eventually
from tests.fakes.broker import a_bell
from tests.unit.worker.shift import Shift, release


def wanted_cancelled(shift: Shift, job: Job) -> None:
    """Let a gateway have noted that somebody cancels the job."""
    shift.store.put(replace(shift.store.jobs[job.id], cancel_asked_at=NOON))


async def test_a_job_is_cancelled_when_the_worker_looks_by_itself() -> None:
    shift = Shift()
    async with shift.working():
        job, other = await shift.run("t.slow", "t.slow")
        wanted_cancelled(shift, job)
        await eventually(lambda: shift.status(job) is Status.CANCELLED)
        assert shift.status(other) is Status.RUNNING
        assert shift.slots.taken == 1
    assert shift.hints.told[-2].event == "job.cancelled"


async def test_a_message_makes_the_worker_look_at_once() -> None:
    shift = Shift(every=3600)
    async with shift.working():
        [job] = await shift.run("t.slow")
        wanted_cancelled(shift, job)
        shift.orders.hear(Order(cancel=("another", job.id)))
        await eventually(lambda: shift.status(job) is Status.CANCELLED)


async def test_a_message_that_the_store_does_not_bear_out_cancels_nothing() -> None:
    shift = Shift(every=3600)
    async with shift.working():
        [job] = await shift.run("t.slow")
        shift.orders.hear(Order(cancel=(job.id,)))
        await eventually(lambda: "to cancel" in shift.words())
        release.set()
        await eventually(lambda: shift.status(job) is Status.SUCCEEDED)


async def test_messages_about_others_cost_no_look() -> None:
    shift = Shift(every=3600)
    async with shift.working():
        [job] = await shift.run("t.slow")
        shift.orders.hear(Order(cancel=("another",)))
        shift.orders.hear(Order(drain="another"))
        shift.orders.hear(Order(cancel=(job.id,)))  # so that we know when the others are done with
        await eventually(lambda: "to cancel" in shift.words())
        assert shift.words().count("to cancel") == 1


async def test_a_worker_without_jobs_asks_nothing() -> None:
    shift = Shift()
    async with shift.working():
        await asyncio.sleep(0.2)  # several times as long as it takes to look again
    assert shift.words() == ["pause"]


async def test_a_worker_looks_again_after_the_database_was_away() -> None:
    shift = Shift()
    async with shift.working():
        [job] = await shift.run("t.slow")
        wanted_cancelled(shift, job)
        shift.store.outage.calls = 1
        await eventually(lambda: shift.status(job) is Status.CANCELLED)


@pytest.mark.parametrize("told", [True, False])
async def test_a_worker_that_is_to_drain_finishes_what_it_runs_and_takes_no_more(
    told: bool,
) -> None:
    shift = Shift(every=3600 if told else 0.05)
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        if told:
            shift.workers.draining.add("us")
            shift.orders.hear(Order(drain="us"))
        else:
            shift.heartbeat.draining = True
        await eventually(lambda: "pause" in shift.words())
        [late] = shift.gets("t.quick")
        await eventually(lambda: ("give back", [late.id]) in shift.store.journal)
        release.set()
        await eventually(lambda: shift.status(job) is Status.SUCCEEDED)
        assert shift.status(late) is Status.QUEUED
        assert not running.done()


async def test_a_message_to_drain_that_the_store_does_not_bear_out_is_passed_over() -> None:
    shift = Shift(every=0.02)
    async with shift.working():
        shift.orders.hear(Order(drain="us"))
        await asyncio.sleep(0.1)  # several times as long as it takes to look again
        assert "pause" not in shift.words()


async def test_a_message_makes_the_worker_look_at_what_is_paused() -> None:
    shift = Shift(every=3600)
    async with shift.working():
        shift.pauses.paused = Paused(tasks={"t.slow": Pause(at=NOON)})
        shift.orders.hear(Order(pauses=True))
        await eventually(lambda: shift.claims.paused.tasks)
        job = a_job(task="t.slow")
        shift.store.put(job)
        shift.runner.consumer.hear(a_bell(shift.store.journal, job.id))
        await eventually(lambda: "leave" in shift.words())
        assert shift.status(job) is Status.QUEUED
