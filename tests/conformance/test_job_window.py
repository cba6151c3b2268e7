"""Which runnable jobs come next, and which bells are old: in order, bounded, and by an index."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.bands import band_of
from shared.contracts.ids import instant_of
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.collections import JOBS
from shared.infrastructure.job_inserts import JobInserts
from shared.infrastructure.job_window import JobWindow
from tests.builders import LATER, a_job, a_job_in
from tests.conformance.profiling import profiled
from tests.conformance.store import Store

TASKS = ["math.add", "text.count"]
HOUR = timedelta(hours=1)


@pytest.fixture
def window(store: Store) -> JobWindow:
    return JobWindow(store.database)


def rung_ago(seconds: float, **fields: object) -> Job:
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    return a_job(published=True, published_at=at, **fields)


async def test_of_each_band_the_next_to_run_are_the_oldest(store: Store, window: JobWindow) -> None:
    jobs = [a_job(priority=4 + n % 3, task=TASKS[n % 2]) for n in range(12)]
    others = [a_job(queue="mail"), a_job(task="gone"), rung_ago(1), a_job_in(Status.RUNNING)]
    await store.has(*jobs, *others)
    for band, priority in (("default:p4", 4), ("default", 5), ("default:p6", 6)):
        expected = sorted(job.id for job in jobs if job.priority == priority)
        assert await window.unrung(band, tasks=TASKS, most=100) == expected
        assert await window.unrung(band, tasks=TASKS, most=3) == expected[:3]


async def test_more_tasks_than_fit_one_query_are_merged_in_the_same_order(
    store: Store, window: JobWindow
) -> None:
    jobs = [a_job(task=f"t{n % 150}") for n in range(300)]
    await store.has(*jobs)
    found = await window.unrung("default", tasks=[f"t{n}" for n in range(150)], most=20)
    assert found == sorted(job.id for job in jobs)[:20]


async def test_young_jobs_are_left_to_their_gateway(store: Store, window: JobWindow) -> None:
    job = a_job()
    await store.has(job)
    born = instant_of(job.id)
    assert await window.unrung("default", tasks=TASKS, before=born, most=5) == []
    await store.has(a_job(priority=9), a_job(priority=9))
    for before, there in ((born, set()), (born + HOUR, {"default", band_of("default", 9)})):
        found = await window.bands_unrung(queues=["default"], tasks=TASKS, before=before)
        assert found == there


async def test_jobs_of_unknown_tasks_at_the_head_are_not_even_looked_at(
    store: Store, window: JobWindow
) -> None:
    await store.has(*(a_job(task="gone") for _ in range(500)))
    wanted = [a_job(task=task) for task in TASKS for _ in range(5)]
    await store.has(*wanted)
    async with profiled(store.database, JOBS) as seen:
        found = await window.unrung("default", tasks=TASKS, most=8)
    assert found == sorted(job.id for job in wanted)[:8]
    [look] = seen
    assert look["keysExamined"] <= 12
    assert not look.get("hasSortStage", False)


async def test_the_window_is_counted_up_to_a_bound_without_reading_a_job(
    store: Store, window: JobWindow
) -> None:
    await store.has(*(rung_ago(1) for _ in range(30)), rung_ago(1, queue="mail"), a_job())
    async with profiled(store.database, JOBS) as seen:
        assert await window.rung("default", most=100) == 30
        assert await window.rung("default", most=20) == 20
    assert {each["planSummary"].split()[0] for each in seen} == {"COUNT_SCAN"}
    assert sum(each["docsExamined"] for each in seen) == 0
    assert await window.bands_rung() == ["default", "mail"]
    await store.has(rung_ago(1, priority=0), rung_ago(1, priority=9, queue="mail"))
    assert await window.bands_rung() == ["default:p0", "default", "mail", "mail:p9"]
    assert (await window.rung("default:p0", most=9), await window.rung("mail:p8", most=9)) == (1, 0)


async def test_old_bells_are_forgotten_and_young_ones_are_not(
    store: Store, window: JobWindow
) -> None:
    old, young, elsewhere = rung_ago(60), rung_ago(1), rung_ago(60, queue="mail")
    undated = a_job(published=True)  # of an earlier version
    await store.has(old, young, elsewhere, undated)
    age = timedelta(seconds=10)
    assert await window.has_old_bells("default", age)
    assert await window.forget_bells("default", older_than=age, most=10) == 2
    for job, published in ((old, False), (undated, False), (young, True), (elsewhere, True)):
        assert (await store.raw(job))["published"] is published
    assert not await window.has_old_bells("default", age)
    await JobInserts(store.database).mark_published([old.id])
    assert not await window.has_old_bells("default", age)  # rung again: young again


async def test_bells_rung_before_an_instant_are_forgotten_a_bounded_number_at_a_time(
    store: Store, window: JobWindow
) -> None:
    now = datetime.now(UTC)
    await store.has(*(rung_ago(60) for _ in range(5)), rung_ago(20))
    before, age = now - timedelta(seconds=40), timedelta(seconds=30)
    for lost in (3, 2):
        found = await window.forget_bells("default", rung_before=before, older_than=age, most=3)
        assert found == lost
    assert await window.rung("default", most=10) == 1


async def test_when_the_broker_lost_all_every_bell_is_forgotten(
    store: Store, window: JobWindow
) -> None:
    running = a_job_in(Status.RUNNING, published=True)
    await store.has(rung_ago(0), rung_ago(0, queue="mail"), running)
    assert await window.forget_bells(most=1) == 1
    assert await window.forget_bells(most=10) == 1
    assert await window.forget_bells(most=10) == 0
    assert (await store.raw(running))["published"]


async def test_a_job_that_is_claimed_meanwhile_keeps_its_mark(
    store: Store, window: JobWindow
) -> None:
    await store.has(rung_ago(60, queued_at=LATER))
    [job] = await store.has_claimed()
    assert await window.forget_bells("default", older_than=timedelta(), most=10) == 1
    assert (await store.read(job)).status is Status.RUNNING
