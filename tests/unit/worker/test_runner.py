"""The life of a worker process: it runs what it claims, and leaves nothing half done."""

import asyncio
from datetime import timedelta

import pytest

from shared.contracts.attempt import Backoff
from shared.contracts.errors import LeaseLost
from shared.contracts.moves import Status
from tests.eventually import eventually
from tests.unit.worker.shift import Shift, release
from worker.executions import cut


async def test_a_job_is_run_its_end_stored_and_told() -> None:
    shift = Shift()
    async with shift.working():
        [job] = await shift.run("t.quick")
        await eventually(lambda: shift.status(job) is Status.SUCCEEDED)
        assert shift.store.jobs[job.id].result == "1"
        await eventually(lambda: shift.slots.taken == 0)
    assert [hint.event for hint in shift.hints.told] == ["job.running", "job.succeeded"]


async def test_ends_of_jobs_that_finish_together_are_written_together() -> None:
    shift = Shift()
    async with shift.working():
        jobs = await shift.run("t.slow", "t.slow", "t.slow")
        release.set()
        await eventually(lambda: all(shift.status(j) is Status.SUCCEEDED for j in jobs))
    assert shift.words().count("end") == 1
    assert shift.ending.finished == 3


async def test_a_stop_lets_jobs_finish_within_the_grace() -> None:
    shift = Shift(grace=5)
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.stop.asked.set()
        await eventually(lambda: "pause" in shift.words())
        release.set()
        async with asyncio.timeout(3):
            await running
        assert shift.status(job) is Status.SUCCEEDED


async def test_what_does_not_finish_within_the_grace_is_handed_back_and_announced() -> None:
    shift = Shift(grace=0.05)
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.stop.asked.set()
        await running
        after = shift.store.jobs[job.id]
        assert (after.status, after.attempt, after.lost) == (Status.QUEUED, 0, 0)
        assert ("ring", [job.id]) in shift.store.journal
        assert shift.hints.told[-1].event == "job.queued"


async def test_bells_in_hand_at_a_stop_go_to_others() -> None:
    shift = Shift()
    async with shift.working() as running:
        await shift.run(*["t.slow"] * 10)
        [late] = shift.gets("t.quick")
        shift.stop.asked.set()
        await running
        settled = [("give back", [late.id]), ("ring", [late.id])]
        assert any(each in shift.store.journal for each in settled)
        assert shift.status(late) is Status.QUEUED


async def test_a_task_that_ignores_cancellation_does_not_keep_others_from_going_back() -> None:
    shift = Shift()
    async with shift.working() as running:
        jobs = await shift.run("t.stubborn", "t.slow", "t.stubborn", "t.slow")
        shift.stop.asked.set()
        # It ends just while the others are handed back.
        ending = asyncio.get_running_loop().call_later(1.02, release.set)
        async with asyncio.timeout(5):
            await running
        ending.cancel()
        assert all(shift.status(job) in (Status.QUEUED, Status.SUCCEEDED) for job in jobs)


async def test_a_job_that_ends_after_it_was_handed_back_is_discarded() -> None:
    shift = Shift()
    async with shift.working() as running:
        [job] = await shift.run("t.stubborn")
        shift.stop.asked.set()
        await running
        assert shift.status(job) is Status.QUEUED
    assert (shift.ending.finished, shift.ending.discarded) == (0, 1)
    assert shift.status(job) is Status.QUEUED


async def test_without_its_lease_a_worker_stops_at_once_and_hands_nothing_back() -> None:
    shift = Shift(grace=60)
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.heartbeat.holds = False
        with pytest.raises(LeaseLost, match="could not be renewed"):
            async with asyncio.timeout(5):
                await running
        assert shift.status(job) is Status.RUNNING  # others decide what becomes of it
        assert "back" not in shift.words()


async def test_nothing_is_claimed_before_the_worker_is_enlisted() -> None:
    shift = Shift()
    shift.heartbeat.holds = False
    async with shift.working():
        [job] = shift.gets("t.quick")
        await asyncio.sleep(0.05)
        assert shift.status(job) is Status.QUEUED
        shift.heartbeat.holds = True
        await eventually(lambda: shift.status(job) is Status.SUCCEEDED)


async def test_while_the_database_is_away_a_stop_still_comes_to_an_end() -> None:
    shift = Shift()
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.store.outage.calls = 1
        shift.stop.asked.set()
        async with asyncio.timeout(5):
            await running
        assert shift.status(job) is Status.RUNNING  # until its lease ends


async def test_somebody_in_a_hurry_does_not_wait_for_the_grace_to_end() -> None:
    shift = Shift(grace=60)
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.stop.asked.set()
        await eventually(lambda: "pause" in shift.words())
        shift.stop.hurried.set()
        async with asyncio.timeout(5):
            await running
        assert shift.status(job) is Status.QUEUED


async def test_without_its_lease_a_stopping_worker_ends_at_once_too() -> None:
    shift = Shift(grace=60)
    async with shift.working() as running:
        [job] = await shift.run("t.slow")
        shift.stop.asked.set()
        await eventually(lambda: "pause" in shift.words())
        shift.heartbeat.holds = False
        with pytest.raises(LeaseLost):
            async with asyncio.timeout(5):
                await running
        assert shift.status(job) is Status.RUNNING


async def test_a_task_that_was_left_behind_gives_its_slot_back_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cut, "AFTER_TIMEOUT", 0.02)
    shift = Shift()
    async with shift.working():
        [job] = await shift.run("t.stubborn_and_late")
        await eventually(lambda: shift.status(job) is Status.FAILED)
        assert shift.slots.taken == 0
        release.set()
        await eventually(lambda: not shift.runner._running)
        assert shift.slots.taken == 0
    assert shift.ending.finished == 1


async def test_a_task_that_fails_and_may_try_again_waits_for_its_time_and_the_keeper_is_told() -> (
    None
):
    shift = Shift()
    async with shift.working():
        [job] = await shift.run(
            "t.fails", max_attempts=2, backoff=Backoff(attempts=2, first_s=1, jitter=False)
        )
        await eventually(lambda: shift.status(job) is Status.WAITING)
    after = shift.store.jobs[job.id]
    assert (after.because, after.attempt, len(after.past_attempts)) == ("retry", 1, 1)
    assert shift.hints.told[-1].event == "job.retrying"
    assert shift.hints.due == [timedelta(seconds=1)]
