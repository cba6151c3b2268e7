"""Looking at queues: right numbers, and a look that costs no more the longer the backlog is."""

from datetime import timedelta

import pytest

from shared.contracts.ids import nth_id
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure import queue_depths
from shared.infrastructure.queue_depths import QueueDepths, by_worker
from tests.builders import LATER, NOON, a_claim, a_job, a_job_in, a_running_job
from tests.conformance.store import Store

RUNG = {"published": True, "published_at": NOON}


@pytest.fixture
def depths(store: Store) -> QueueDepths:
    return QueueDepths(store.database)


async def test_each_queue_with_runnable_jobs_is_found_and_counted(
    store: Store, depths: QueueDepths
) -> None:
    await store.has(
        *(a_job(queue="a", priority=n % 10) for n in range(12)),
        *(a_job(queue="b", **RUNG) for _ in range(3)),
        a_job(queue="a", **RUNG),
        a_job_in(Status.WAITING, queue="c"),
        a_job_in(Status.SUCCEEDED, queue="d"),
    )
    assert await depths.queues() == {"a", "b"}
    assert [await depths.queued(queue) for queue in "abc"] == [13, 3, 0]
    assert await depths.waiting() == {"c": 1}


async def test_counting_stops_somewhere(
    store: Store, depths: QueueDepths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_depths, "MOST_COUNTED", 5)
    await store.has(*(a_job() for _ in range(9)), *(a_job(**RUNG) for _ in range(9)))
    assert await depths.queued("default") == 5
    last = a_job(priority=0)
    await store.has(last)
    assert await depths.ahead_of(last) == 5


async def test_the_oldest_of_those_that_could_be_next_is_found_whatever_its_priority(
    store: Store, depths: QueueDepths
) -> None:
    def born(seconds: float, **given: object) -> Job:
        return a_job(created_at=NOON + timedelta(seconds=seconds), **given)

    assert await depths.oldest("default") is None
    await store.has(born(30, priority=9), born(40, task="b"), born(50, **RUNG))
    assert await depths.oldest("default") == NOON + timedelta(seconds=30)
    await store.has(born(10, task="b", priority=0))
    assert await depths.oldest("default") == NOON + timedelta(seconds=10)
    await store.has(born(-3600, task="z", queued_at=NOON))  # it waited for its time first
    assert await depths.oldest("default") == NOON


async def test_priority_goes_first_then_what_has_a_bell_then_age(
    store: Store, depths: QueueDepths
) -> None:
    seed = a_job().id
    job = a_job(id=nth_id(seed, 5))
    rung = [a_job(published=True, published_at=at) for at in (NOON, LATER)]
    await store.has(
        job,
        *rung,
        a_job(id=nth_id(seed, 4)),  # older
        a_job(id=nth_id(seed, 6)),
        a_job(id=nth_id(seed, 7), priority=6, task="other"),  # more urgent
        a_job(id=nth_id(seed, 1), priority=4, **RUNG),
        a_job(id=nth_id(seed, 2), queue="other", priority=9),
    )
    assert await depths.ahead_of(job) == 4
    assert [await depths.ahead_of(each) for each in rung] == [1, 2]


async def test_running_jobs_are_shown_by_worker(store: Store, depths: QueueDepths) -> None:
    mine = a_running_job(claim=a_claim(worker="w1"))
    others = [a_running_job(claim=a_claim(worker="w2")) for _ in range(2)]
    await store.has(mine, *others, a_job())
    found = by_worker(await depths.running())
    assert [each.id for each in found["w1"]] == [mine.id]
    assert {each.id for each in found["w2"]} == {job.id for job in others}


async def test_durations_are_those_of_recent_ends_of_the_queue(
    store: Store, depths: QueueDepths
) -> None:
    await store.has(
        a_job_in(Status.SUCCEEDED),
        a_job_in(Status.SUCCEEDED, queue="other"),
        a_job_in(Status.CANCELLED, started_at=None, claim=None),
    )
    assert await depths.durations("default") == [5]
