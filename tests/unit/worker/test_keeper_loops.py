"""The keeper's loops: they go on whatever happens, one leads, and each does its small thing."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.errors import StoreUnavailable
from shared.contracts.moves import Status
from shared.infrastructure.leases import Leases
from shared.infrastructure.mongo import Document
from tests.builders import a_job, a_job_in
from tests.eventually import eventually
from tests.unit.worker.keeper_fakes import FakeRetention, NoWorkflows
from tests.unit.worker.night import Night
from worker.keeper import leadership as leadership_module
from worker.keeper.expiry import Expiry
from worker.keeper.forgetting import Forgetting
from worker.keeper.invariants import Invariants
from worker.keeper.leadership import Leadership
from worker.keeper.loop import Loop, Tally, keep


class FakeLeases(Leases):
    """One lease, which ends when the test says so."""

    def __init__(self) -> None:
        self.holder: str | None = None
        self.notes: list[Document] = []
        self.away = False

    async def take(
        self, name: str, holder: str, lasts: timedelta, *, note: Document | None = None
    ) -> bool:
        if self.away:
            raise StoreUnavailable("away")
        self.notes.append(note or {})
        self.holder = self.holder or holder
        return self.holder == holder

    async def release(self, name: str, holder: str) -> None:
        if self.holder == holder:
            self.holder = None


@pytest.fixture
def night() -> Night:
    return Night()


async def test_a_loop_goes_on_whatever_its_step_raises() -> None:
    steps: list[int] = []

    async def step() -> int:
        steps.append(len(steps))
        if len(steps) == 1:
            raise StoreUnavailable("away")
        if len(steps) == 2:
            raise ZeroDivisionError
        return 1

    tally = Tally()
    loop = Loop(name="test", step=step, every=0.001, everywhere=True)
    looping = asyncio.create_task(keep(loop, tally, Leadership(FakeLeases(), "k")))
    await eventually(lambda: len(steps) > 4)
    looping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looping
    note = tally.note()
    assert note["failures"] == 2
    assert note["handled"] >= 2


async def test_a_step_that_found_as_much_as_it_takes_goes_on_almost_at_once() -> None:
    steps: list[int] = []

    async def step() -> int:
        steps.append(10)
        return 10

    loop = Loop(name="test", step=step, every=60, full=10, everywhere=True)
    looping = asyncio.create_task(keep(loop, Tally(), Leadership(FakeLeases(), "k")))
    await eventually(lambda: len(steps) > 2)
    looping.cancel()


async def test_a_loop_of_the_leader_runs_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leadership_module, "EVERY", 0.01)
    leases, done = FakeLeases(), {"first": 0, "second": 0}

    def loop_of(name: str) -> Loop:
        async def step() -> int:
            done[name] += 1
            return 0

        return Loop(name=name, step=step, every=0.001)

    async with asyncio.TaskGroup() as group:
        second = Leadership(leases, "second")
        async with Leadership(leases, "first").running() as first:
            await eventually(lambda: first.held)
            async with second.running():
                loops = [
                    group.create_task(keep(loop_of(leader._keeper), Tally(), leader))
                    for leader in (first, second)
                ]
                await eventually(lambda: done["first"] > 3)
                assert done["second"] == 0
                leases.holder = "second"  # the first was too slow to renew
                await eventually(lambda: done["second"] > 3)
                assert not first.held
                for each in loops:
                    each.cancel()


async def test_a_clean_stop_returns_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leadership_module, "EVERY", 0.01)
    leases = FakeLeases()
    async with Leadership(leases, "first", note=lambda: {"loops": 1}).running() as first:
        await eventually(lambda: first.held)
    assert leases.holder is None
    assert not first.held
    assert leases.notes[0] == {"loops": 1}


async def test_a_keeper_that_cannot_renew_leads_until_its_lease_may_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leadership_module, "EVERY", 0.01)
    monkeypatch.setattr(leadership_module, "LASTS", timedelta(seconds=0.1))
    leases = FakeLeases()
    async with Leadership(leases, "first").running() as first:
        await eventually(lambda: first.held)
        leases.away = True
        await eventually(lambda: not first.held)


async def test_ends_without_follow_ups_are_settled(night: Night) -> None:
    job = a_job_in(Status.FAILED, unsettled=True)
    night.store.put(job)
    assert await night.unsettled.step() == 1
    assert night.follow_ups.settled == [job.id]
    assert [hint.event for hint in night.hints.told] == ["job.failed"]


async def test_an_end_that_cannot_be_settled_holds_up_no_other(night: Night) -> None:
    bad, good = (a_job_in(Status.FAILED, unsettled=True) for _ in range(2))
    night.store.put(bad, good)
    night.follow_ups.cannot = {bad.id}
    await night.unsettled.step()
    assert night.follow_ups.settled == [good.id]


async def test_an_end_whose_heir_may_run_is_left_to_its_worker_for_a_while(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_job_in(Status.SUCCEEDED, unsettled=True, heir="next")
    night.store.put(job)
    assert await night.unsettled.step() == 0
    monkeypatch.setattr("worker.keeper.unsettled.HEIRS_TURN", 0)
    assert await night.unsettled.step() == 1
    assert not night.store.jobs[job.id].unsettled


async def test_without_a_broker_ends_stay_unsettled(night: Night) -> None:
    night.store.put(a_job_in(Status.FAILED, unsettled=True))
    night.hints.link.up = False  # type: ignore[misc]
    assert await night.unsettled.step() == 0
    assert night.follow_ups.settled == []


async def test_jobs_that_have_not_begun_in_time_expire_and_are_settled(night: Night) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    late = [a_job_in(status, expires_at=past) for status in (Status.WAITING, Status.QUEUED)]
    others = [a_job_in(Status.RUNNING, expires_at=past), a_job()]
    night.store.put(*late, *others)
    assert await Expiry(night.times, night.unsettled).step() == 2
    assert {night.store.jobs[job.id].status for job in late} == {Status.EXPIRED}
    assert [night.store.jobs[job.id] for job in others] == others
    assert {hint.event for hint in night.hints.told} == {"job.expired"}
    assert sorted(night.follow_ups.settled) == sorted(job.id for job in late)


async def test_old_ends_are_forgotten_each_kind_after_its_own_time(night: Night) -> None:
    def ended(days: int, **fields: object) -> str:
        at = datetime.now(UTC) - timedelta(days=days)
        job = a_job_in(Status.SUCCEEDED, finished_at=at, **fields)
        night.store.put(job)
        return job.id

    a_day = 24 * 3600.0
    gone = {ended(8), ended(2, retention_s=a_day), ended(40, retention_s=30 * a_day)}
    kept = {ended(6), ended(8, retention_s=30 * a_day), ended(0, retention_s=a_day)}
    forgetting = Forgetting(FakeRetention(night.store), NoWorkflows(), timedelta(days=7))
    assert sum([await forgetting.step() for _ in range(3)]) == 3
    assert set(night.store.jobs) == kept
    assert gone.isdisjoint(night.store.jobs)


async def test_history_that_was_looked_at_is_not_looked_at_again(night: Night) -> None:
    at = datetime.now(UTC) - timedelta(days=8)
    night.store.put(a_job_in(Status.SUCCEEDED, finished_at=at))
    forgetting = Forgetting(FakeRetention(night.store), NoWorkflows(), timedelta(days=7))
    for _ in range(2):
        await forgetting.step()
    assert night.said("look back") == [None, at]


async def test_a_broken_promise_is_counted_but_not_one_that_is_about_to_be_kept(
    night: Night,
) -> None:
    night.workers.alive = {"alive"}
    night.runs("alive")
    night.runs("gone")
    invariants = Invariants(night.queries, night.times, night.workers, night.lanes)
    assert await invariants.step() == 0
    assert await invariants.step() == 1
    assert invariants.broken == {"running without a live worker": 1}
    await night.rescue.sweep()
    assert await invariants.step() == 0
