"""The hub: a snapshot first, then every change, each once, and always the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from api import hub as hub_module
from api.filters import JobFilter
from api.hub import Change, Hub
from shared.contracts.errors import NotFound
from shared.contracts.events import NEW_JOBS, hint_of, shard_key
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.pauses import Pause, Paused
from tests.builders import NOON, a_job, a_job_in, a_running_job
from tests.eventually import eventually
from tests.fakes.broker import FakeFeed
from tests.fakes.store import FakeReads, FakeStore

QUICK = 0.02  # seconds between re-reads, in these tests


class Held(FakeReads):
    """Reads that can be held up between the look and the answer."""

    def __init__(self, store: FakeStore) -> None:
        super().__init__(store)
        self.gate = asyncio.Event()
        self.gate.set()
        self.looking = 0

    async def get(self, job_id: str) -> Job:
        found = await super().get(job_id)
        await self._pass()
        return found

    async def _pass(self) -> None:
        self.looking += 1
        await self.gate.wait()
        self.looking -= 1


class Gateway:
    """A hub at work, and what its listeners heard."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.reads = Held(self.store)
        self.feed = FakeFeed()
        self.hub = Hub(self.reads)
        self.hub.listen_to(self.feed)
        self.heard: list[tuple[str, int]] = []
        self.jobs: list[Job] = []

    def listen(self, change: Change) -> None:
        self.heard.append((change.event, change.job.version))
        self.jobs.append(change.job)

    def becomes(self, job: Job, *, event: str | None = None, hinted: bool = True) -> None:
        """Let a job change; a hint tells of it, or is lost."""
        self.store.put(job)
        if hinted:
            self.hub.on_hints([hint_of(job, event)])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.hub.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    async with gateway.running():
        yield gateway


@pytest.fixture
def quick_rereads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_REREAD_EVERY", QUICK)


def ended(job: Job, *, version: int = 3) -> Job:
    now = datetime.now(UTC)
    return a_job_in(
        Status.SUCCEEDED, id=job.id, task=job.task, version=version, finished_at=now, result="1"
    )


async def test_the_snapshot_comes_first_and_then_each_change(gateway: Gateway) -> None:
    job = a_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen) as snapshot:
        assert snapshot == job
        assert gateway.heard == [("job.queued", 1)]
        gateway.becomes(a_running_job(id=job.id))
        await eventually(lambda: len(gateway.heard) == 2)
        gateway.becomes(ended(job))
        await eventually(lambda: len(gateway.heard) == 3)
    assert gateway.heard == [("job.queued", 1), ("job.running", 2), ("job.succeeded", 3)]


async def test_a_snapshot_says_that_the_queue_is_paused(gateway: Gateway) -> None:
    job = a_job(queue="mail")
    gateway.store.put(job)
    paused = Paused(queues={"mail": Pause(at=NOON, why="moved")})
    hub, told = Hub(gateway.reads, paused=lambda: paused), list[Change]()
    async with hub.watching(job.id, told.append):
        [gate] = orjson.loads(told[0].body)["waiting_for"]
    assert (gate["gate"], gate["queue"], gate["why"]) == ("paused", "mail", "moved")


async def test_a_change_that_overtakes_the_snapshot_is_told_after_it(gateway: Gateway) -> None:
    job = a_job()
    gateway.store.put(job)
    gateway.reads.gate.clear()

    async def watch() -> None:
        async with gateway.hub.watching(job.id, gateway.listen):
            await eventually(lambda: len(gateway.heard) == 2)

    watching = asyncio.create_task(watch())
    await eventually(lambda: gateway.reads.looking)  # the snapshot is read, and not yet told
    gateway.becomes(ended(job))
    await eventually(lambda: ("get_many", [job.id]) in gateway.store.journal)
    assert gateway.heard == []
    gateway.reads.gate.set()
    await watching
    assert gateway.heard == [("job.queued", 1), ("job.succeeded", 3)]


async def test_a_change_that_the_snapshot_has_already_is_not_told_again(gateway: Gateway) -> None:
    job = a_running_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen):
        for _ in range(3):
            gateway.becomes(job)
        gateway.becomes(ended(job))
        await eventually(lambda: len(gateway.heard) == 2)
    assert gateway.heard == [("job.running", 2), ("job.succeeded", 3)]


async def test_a_snapshot_that_the_client_knows_is_not_told_but_what_follows_is(
    gateway: Gateway,
) -> None:
    job = a_running_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen, after=2):
        assert gateway.heard == []
        gateway.becomes(ended(job))
        await eventually(lambda: gateway.heard)
    assert gateway.heard == [("job.succeeded", 3)]


@pytest.mark.usefixtures("quick_rereads")
async def test_an_end_whose_hint_was_lost_is_told_all_the_same(gateway: Gateway) -> None:
    job = a_running_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen):
        gateway.becomes(ended(job), hinted=False)
        await eventually(lambda: gateway.heard[-1] == ("job.succeeded", 3))


async def test_after_a_gap_everything_that_is_watched_is_looked_at(gateway: Gateway) -> None:
    job = a_running_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen):
        gateway.becomes(ended(job), hinted=False)
        gateway.hub.on_gap()
        await eventually(lambda: gateway.heard[-1] == ("job.succeeded", 3))


@pytest.mark.usefixtures("quick_rereads")
async def test_while_the_database_is_away_changes_wait_and_are_told_later(
    gateway: Gateway,
) -> None:
    job = a_running_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen):
        gateway.store.outage.calls = 3
        gateway.becomes(ended(job))
        await eventually(lambda: gateway.heard[-1] == ("job.succeeded", 3))


async def test_an_older_state_that_is_read_late_is_not_told(gateway: Gateway) -> None:
    job = a_running_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen):
        gateway.becomes(ended(job))
        await eventually(lambda: len(gateway.heard) == 2)
        for event in ("job.running", "job.progress", "job.log"):
            gateway.becomes(job, event=event)
        gateway.becomes(ended(job, version=4))
        await eventually(lambda: gateway.heard[-1][1] == 4)
    assert [version for _, version in gateway.heard] == [2, 3, 4]


async def test_progress_and_log_lines_are_told_by_their_names(gateway: Gateway) -> None:
    job = a_running_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen):
        gateway.becomes(replace(job, version=3), event="job.progress")
        await eventually(lambda: len(gateway.heard) == 2)
        gateway.becomes(replace(job, version=3), event="job.log")
        await eventually(lambda: len(gateway.heard) == 3)
    assert gateway.heard == [("job.running", 2), ("job.progress", 3), ("job.log", 3)]


async def test_a_hint_that_is_older_than_the_job_tells_of_the_job_as_it_is(
    gateway: Gateway,
) -> None:
    job = a_running_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen):
        gateway.becomes(ended(job), event="job.progress")
        await eventually(lambda: len(gateway.heard) == 2)
    assert gateway.heard[-1] == ("job.succeeded", 3)


async def test_every_listener_of_a_job_is_told_and_shares_the_json(gateway: Gateway) -> None:
    job, bodies = a_running_job(), []
    gateway.store.put(job)

    def listen(change: Change) -> None:
        bodies.append(change.body)

    async with (
        gateway.hub.watching(job.id, listen),
        gateway.hub.watching(job.id, listen),
    ):
        gateway.becomes(ended(job))
        await eventually(lambda: len(bodies) == 4)
    assert bodies[2] is bodies[3]


async def test_a_job_that_does_not_exist_is_not_found_and_nothing_is_left_behind(
    gateway: Gateway,
) -> None:
    job = a_job()
    with pytest.raises(NotFound):
        async with gateway.hub.watching(job.id, gateway.listen):
            pass
    assert gateway.feed.wanted == {shard_key(job.id): 0}
    gateway.becomes(job)
    assert gateway.heard == []


async def test_the_feed_is_asked_for_what_is_watched_and_only_as_long(gateway: Gateway) -> None:
    job = a_job()
    gateway.store.put(job)
    async with gateway.hub.watching(job.id, gateway.listen):
        assert gateway.feed.wanted == {shard_key(job.id): 1}
        async with gateway.hub.watching_all(JobFilter(), gateway.listen):
            assert gateway.feed.wanted[NEW_JOBS] == 1
    assert set(gateway.feed.wanted.values()) == {0}


async def test_hints_of_jobs_that_nobody_watches_cost_no_read(gateway: Gateway) -> None:
    gateway.becomes(a_job())
    await asyncio.sleep(0.02)
    assert gateway.store.journal == []


async def test_a_filter_is_told_of_jobs_that_fit_from_then_on(gateway: Gateway) -> None:
    before = a_job(task="mail.send")
    gateway.store.put(before)
    async with gateway.hub.watching_all(JobFilter(task="mail.send"), gateway.listen):
        fits, other = a_job(task="mail.send"), a_job()
        gateway.becomes(other)
        gateway.becomes(fits)
        await eventually(lambda: gateway.heard)
    assert [job.id for job in gateway.jobs] == [fits.id]


async def test_a_filter_by_status_is_told_when_a_job_comes_to_fit(gateway: Gateway) -> None:
    job = a_job()
    async with gateway.hub.watching_all(JobFilter(status=Status.SUCCEEDED), gateway.listen):
        gateway.becomes(job)
        gateway.becomes(ended(job))
        await eventually(lambda: gateway.heard)
    assert gateway.heard == [("job.succeeded", 3)]


async def test_a_filter_is_told_of_each_version_once(gateway: Gateway) -> None:
    job, last = a_running_job(), a_job()
    async with gateway.hub.watching_all(JobFilter(), gateway.listen):
        for _ in range(3):
            gateway.becomes(job)
            await asyncio.sleep(0.01)
        gateway.becomes(last)
        await eventually(lambda: gateway.jobs[-1:] == [last])
    assert gateway.jobs == [job, last]


@pytest.mark.usefixtures("quick_rereads")
async def test_a_filter_is_told_of_an_end_whose_hint_was_lost_and_only_once(
    gateway: Gateway,
) -> None:
    job = a_running_job()
    gateway.store.put(job)
    async with gateway.hub.watching_all(JobFilter(), gateway.listen):
        gateway.becomes(ended(job), hinted=False)
        await eventually(lambda: gateway.heard)
        looks = len(gateway.store.journal)
        await eventually(lambda: len(gateway.store.journal) > looks + 6)
    assert gateway.heard == [("job.succeeded", 3)]


@pytest.mark.usefixtures("quick_rereads")
async def test_a_filter_is_told_of_every_lost_end_however_many_there_were(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_MOST_ENDS", 10)
    now = datetime.now(UTC)
    jobs = [
        replace(ended(a_job()), finished_at=now + n * timedelta(milliseconds=1)) for n in range(95)
    ]
    jobs += [replace(ended(a_job()), finished_at=now) for _ in range(5)]
    async with gateway.hub.watching_all(JobFilter(), gateway.listen):
        gateway.store.put(*jobs)
        await eventually(lambda: len(gateway.heard) >= 100)
    assert {job.id for job in gateway.jobs} == {job.id for job in jobs}
    assert len(gateway.jobs) == 100


async def test_a_filter_is_not_told_of_what_ended_before_it_began(gateway: Gateway) -> None:
    old = replace(ended(a_job()), finished_at=datetime.now(UTC) - timedelta(minutes=1))
    new = a_job()
    async with gateway.hub.watching_all(JobFilter(), gateway.listen):
        gateway.becomes(old)
        gateway.becomes(new)
        await eventually(lambda: gateway.heard)
    assert gateway.jobs == [new]
