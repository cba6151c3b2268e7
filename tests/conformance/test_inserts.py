"""Inserts: durable, repeatable, and told apart from a database that is away."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.documents import from_document, to_document
from shared.infrastructure.job_inserts import JobInserts, encode_job
from shared.infrastructure.job_reads import JobReads
from tests.builders import a_job, a_running_job
from tests.conformance.store import Store
from tests.conformance.trouble import failing


@pytest.fixture
def inserts(store: Store) -> JobInserts:
    return JobInserts(store.database)


async def test_a_job_is_read_back_as_it_was_stored(store: Store, inserts: JobInserts) -> None:
    job = a_job(tags=("a", "b"), metadata='{"$x":1}', timeout_s=1.5, priority=9, max_attempts=4)
    await inserts.insert([encode_job(job)])
    assert await JobReads(store.database).get(job.id) == job


async def test_storing_the_same_jobs_again_stores_them_once_and_adds_what_is_new(
    store: Store, inserts: JobInserts
) -> None:
    first, second = a_job(), a_job()
    await inserts.insert([encode_job(first)])
    await inserts.insert([encode_job(first), encode_job(second), encode_job(first)])
    assert await store.jobs.count_documents({}) == 2


async def test_storing_a_job_again_does_not_undo_what_has_happened_to_it(
    store: Store, inserts: JobInserts
) -> None:
    [claimed] = await store.has_claimed()
    await inserts.insert([encode_job(a_job(id=claimed.id))])
    assert (await store.read(claimed)).status is Status.RUNNING


async def test_an_insert_that_was_cut_off_can_be_repeated(
    store: Store, inserts: JobInserts
) -> None:
    jobs = [encode_job(a_job()) for _ in range(50)]
    storing = asyncio.ensure_future(inserts.insert(jobs))
    await asyncio.sleep(0)
    storing.cancel()
    await asyncio.gather(storing, return_exceptions=True)
    await inserts.insert(jobs)
    assert await store.jobs.count_documents({}) == 50


async def test_more_jobs_than_fit_one_command_are_all_stored(
    store: Store, inserts: JobInserts
) -> None:
    many = [a_job() for _ in range(2500)]
    large = [a_job(input=json.dumps({"x": "y" * 5_000_000})) for _ in range(6)]
    await inserts.insert([encode_job(job) for job in many + large])
    assert await store.jobs.count_documents({}) == 2506


async def test_only_queued_jobs_are_marked_as_announced(store: Store, inserts: JobInserts) -> None:
    queued, running = a_job(), a_running_job()
    await store.has(queued, running)
    await inserts.mark_published([queued.id, running.id, a_job().id])
    assert (await store.read(queued)).published is True
    assert (await store.read(running)).published is False
    assert (await store.read(queued)).version == queued.version  # nothing that a client could see


async def test_a_write_that_the_server_could_not_confirm_is_repeated(
    store: Store, inserts: JobInserts
) -> None:
    job = a_job()
    async with failing(store, command="insert", mode={"times": 3}):
        await inserts.insert([encode_job(job)])
    assert (await store.read(job)) == job


async def test_a_database_that_stays_away_is_unavailable_in_time(store: Store) -> None:
    async with failing(store, command="insert", mode="alwaysOn"):
        with pytest.raises(StoreUnavailable, match="MongoDB"):
            await JobInserts(store.database, patience=0.3).insert([encode_job(a_job())])


@settings(max_examples=50, deadline=None)
@given(
    st.builds(
        a_job,
        input=st.text(st.characters(exclude_categories=["Cs"])),
        tags=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)).map(tuple),
        priority=st.integers(0, 9),
        timeout_s=st.none() | st.floats(0.1, 1e6),
    )
)
def test_a_document_has_everything_of_its_job(job: Job) -> None:
    assert from_document(to_document(job)) == job
