"""The keeper: the dead give up their jobs, the living never do, nothing stays unannounced."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import Job, Status
from shared.infrastructure.bell_ringer import Rung
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.mongo import Document
from shared.infrastructure.workers import Workers
from tests.builders import a_claim, a_job, a_job_in, a_running_job
from tests.eventually import eventually
from tests.fakes import FakeEnds, FakeHints, FakeInserts, FakeRinger, FakeStore
from worker.keeper.loop import keep
from worker.keeper.rescue import Rescue
from worker.keeper.unpublished import Unpublished
from worker.keeper.unsettled import Unsettled


class FakeWorkers(Workers):
    """Workers by id; `expired` are those whose lease has run out."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self.alive: set[str] = set()
        self.expired: set[str] = set()
        self.after_each_look: Callable[[], None] = lambda: None  # what happens in between

    async def live(self) -> list[Document]:
        self._store.begin("live", None)
        rows = [{"_id": w, "queues": ["default"], "tasks": ["math.add"]} for w in self.alive]
        self.after_each_look()
        return rows

    async def bury(self, worker: str) -> bool:
        self._store.begin("bury", worker)
        was_alive = worker in self.alive
        self.alive.discard(worker)
        return was_alive

    async def bury_expired(self) -> list[str]:
        self._store.begin("bury expired", None)
        buried = sorted(self.expired & self.alive)
        self.alive -= self.expired
        return buried


class FakeRescue(JobRescue):
    """The keeper's queries over a FakeStore."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self.settled_ids: list[str] = []

    async def unpublished(
        self, *, queues: Sequence[str], tasks: Sequence[str], before: datetime, most: int
    ) -> list[tuple[str, str]]:
        found = [
            job
            for job in self._store.jobs.values()
            if job.status is Status.QUEUED and not job.published
            if job.queue in queues and job.task in tasks
        ]
        return [(job.queue, job.id) for job in found[:most]]

    async def held_by(self, worker: str, *, most: int) -> list[Job]:
        return [job for job in self._running() if job.claim and job.claim.worker == worker][:most]

    async def workers_of_running_jobs(self) -> set[str]:
        self._store.begin("workers of running jobs", None)
        return {job.claim.worker for job in self._running() if job.claim}

    async def unsettled(self, *, most: int) -> list[Job]:
        return [job for job in self._store.jobs.values() if job.unsettled][:most]

    async def settled(self, ids: Sequence[str]) -> None:
        self.settled_ids += ids

    def _running(self) -> list[Job]:
        return [job for job in self._store.jobs.values() if job.status is Status.RUNNING]


class Night:
    """A keeper and its world."""

    def __init__(self, *, lease: timedelta = timedelta(seconds=15)) -> None:
        self.store = FakeStore()
        self.workers = FakeWorkers(self.store)
        self.ringer = FakeRinger(self.store.journal)
        self.hints = FakeHints()
        self.queries = FakeRescue(self.store)
        self.unpublished = Unpublished(
            self.queries, FakeInserts(self.store), self.workers, self.ringer
        )
        self.rescue = Rescue(
            rescue=self.queries,
            ends=FakeEnds(self.store),
            workers=self.workers,
            unpublished=self.unpublished,
            unsettled=Unsettled(self.queries, self.hints),
            hints=self.hints,
            lease=lease,
        )

    def runs(self, worker: str, **overrides: object) -> Job:
        """Let a worker have a running job."""
        job = a_running_job(claim=a_claim(worker=worker), **overrides)
        self.store.put(job)
        return job

    def said(self, word: str) -> list[object]:
        return [about for each, about in self.store.journal if each == word]


@pytest.fixture
def night() -> Night:
    return Night()


async def test_the_jobs_of_a_worker_that_is_gone_are_queued_again_and_announced(
    night: Night,
) -> None:
    job = night.runs("gone")
    assert await night.rescue.step() == 1
    after = night.store.jobs[job.id]
    assert (after.status, after.lost, after.attempt) == (Status.QUEUED, 1, 0)
    assert night.said("ring") == night.said("published") == [[job.id]]
    assert [(hint.job_id, hint.event) for hint in night.hints.told] == [(job.id, "job.queued")]


async def test_the_jobs_of_the_living_are_left_alone(night: Night) -> None:
    job = night.runs("alive")
    night.workers.alive = {"alive"}
    assert await night.rescue.step() == 0
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
        assert await night.rescue.step() == 0
    assert night.said("bury") == []


async def test_a_worker_whose_lease_ran_out_is_buried_and_its_jobs_go_on(night: Night) -> None:
    job = night.runs("late")
    night.workers.alive = {"late"}
    night.workers.expired = {"late"}
    assert await night.rescue.step() == 1
    assert night.store.jobs[job.id].status is Status.QUEUED


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
    await night.rescue.step()
    after = night.store.jobs[job.id]
    assert (after.status, after.error and after.error.type) == (Status.FAILED, "worker-lost")
    assert night.queries.settled_ids == [job.id]
    assert night.said("ring") == []
    assert {hint.event for hint in night.hints.told} == {"job.failed"}


async def test_jobs_without_a_bell_are_announced_if_somebody_serves_them(night: Night) -> None:
    served, other_queue, other_task = a_job(), a_job(queue="mail"), a_job(task="image.resize")
    night.store.put(served, other_queue, other_task, a_job(published=True))
    assert await night.unpublished.step() == 0  # nobody is there
    night.workers.alive = {"w"}
    assert await night.unpublished.step() == 1
    assert night.said("ring") == night.said("published") == [[served.id]]


async def test_without_a_broker_the_keeper_waits(night: Night) -> None:
    night.workers.alive = {"w"}
    night.store.put(a_job())
    night.ringer.link.up = False  # type: ignore[misc]
    assert await night.unpublished.step() == 0
    assert night.said("ring") == []


@pytest.mark.parametrize("answer", [Rung.UNKNOWN, Rung.RETURNED])
async def test_a_bell_that_was_not_confirmed_is_rung_again(night: Night, answer: Rung) -> None:
    night.workers.alive = {"w"}
    night.store.put(a_job())
    night.ringer.answer = answer
    assert await night.unpublished.step() == 0
    assert night.said("published") == []


async def test_many_jobs_are_announced_in_bells_by_queue(night: Night) -> None:
    jobs = [("default", str(n)) for n in range(100)] + [("mail", str(n)) for n in range(100, 110)]
    assert await night.unpublished.ring(jobs) == 110
    assert [len(bell) for bell in night.said("ring") if isinstance(bell, list)] == [64, 36, 10]


async def test_ends_without_follow_ups_are_settled(night: Night) -> None:
    job = a_job_in(Status.FAILED, unsettled=True)
    night.store.put(job)
    unsettled = Unsettled(night.queries, night.hints)
    assert await unsettled.step() == 1
    assert night.queries.settled_ids == [job.id]
    assert [hint.event for hint in night.hints.told] == ["job.failed"]


async def test_a_loop_goes_on_whatever_its_step_raises() -> None:
    steps: list[int] = []

    async def step() -> int:
        steps.append(len(steps))
        if len(steps) == 1:
            raise StoreUnavailable("away")
        if len(steps) == 2:
            raise ZeroDivisionError
        return 1

    looping = asyncio.create_task(keep("test", step, every=0.001))
    await eventually(lambda: len(steps) > 3)
    looping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looping
