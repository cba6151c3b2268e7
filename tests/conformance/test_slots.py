"""Slots: one job holds each, whoever else wants it, and gives it up only as it was judged."""

import asyncio
from dataclasses import replace

import pytest

from shared.contracts.equality import cache_slot, cache_slots_of
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.slot import Slot
from shared.infrastructure.collections import JOBS
from shared.infrastructure.job_inserts import JobInserts, encode_job
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_requests import JobRequests
from shared.infrastructure.job_slots import JobSlots
from shared.infrastructure.writes import Occupied
from tests.builders import LATER, a_job, a_job_in
from tests.conformance.profiling import profiled
from tests.conformance.store import Store


@pytest.fixture
def slots(store: Store) -> JobSlots:
    return JobSlots(store.database)


@pytest.fixture
def inserts(store: Store) -> JobInserts:
    return JobInserts(store.database)


def holding(name: str, job: Job | None = None, **slot: str) -> Job:
    """Return a job that holds a slot."""
    return replace(job or a_job(), slot=Slot(name=name, held=name, answer="miss", **slot))


async def test_of_many_jobs_with_one_slot_one_is_stored_and_the_others_are_named(
    store: Store, slots: JobSlots, inserts: JobInserts
) -> None:
    wanted = [holding("c:one") for _ in range(20)]
    plain = [a_job() for _ in range(3)]
    refused = await inserts.insert([encode_job(job) for job in [*wanted, *plain]])
    assert len(refused) == 19
    assert refused < {job.id for job in wanted}
    assert await store.jobs.count_documents({}) == 4
    held = await slots.holder("c:one")
    assert held is not None
    assert held.job.id not in refused
    assert held.job == next(job for job in wanted if job.id == held.job.id)


async def test_a_repeated_insert_is_told_apart_by_its_id(
    slots: JobSlots, inserts: JobInserts
) -> None:
    job = holding("c:own")
    await inserts.insert([encode_job(job)])
    assert await inserts.insert([encode_job(job)]) <= {job.id}
    held = await slots.holder("c:own")
    assert held is not None
    assert held.job.id == job.id


async def test_a_slot_is_given_up_only_by_the_state_that_was_judged(
    store: Store, slots: JobSlots, inserts: JobInserts
) -> None:
    ended = holding("u:x", a_job_in(Status.SUCCEEDED))
    await store.has(ended)
    await slots.release(replace(ended, version=ended.version - 1))
    assert await slots.holder("u:x") is not None
    await slots.release(ended)
    assert await slots.holder("u:x") is None
    successor = holding("u:x")
    assert await inserts.insert([encode_job(successor)]) == set()
    assert (await store.read(ended)).slot == Slot(name="u:x", answer="miss")


async def test_a_job_runs_again_only_if_it_gets_its_slot_back(store: Store) -> None:
    ended = replace(a_job_in(Status.FAILED), slot=Slot(name="u:y", answer="new"))
    other = holding("u:y")
    await store.has(ended, other)
    moves = JobMoves(store.database)
    with pytest.raises(Occupied):
        await moves.apply(ended, ended.again(at=LATER), at=LATER)
    with pytest.raises(Occupied):
        await JobRequests(store.database).move([(ended, ended.again(at=LATER))], at=LATER)
    assert (await store.read(ended)).status is Status.FAILED
    await JobSlots(store.database).release(other)
    assert await moves.apply(ended, ended.again(at=LATER), at=LATER)
    assert (await store.read(ended)).slot == Slot(name="u:y", held="u:y", answer="new")


async def test_cached_results_are_forgotten_by_call_by_task_and_by_tag(
    store: Store, slots: JobSlots
) -> None:
    calls = {
        name: holding(cache_slot(task, None, {"x": x}), a_job(task=task, tags=tags))
        for name, task, x, tags in (
            ("add 1", "math.add", 1, ("acme",)),
            ("add 2", "math.add", 2, ("acme", "b")),
            ("mul 1", "math.mul", 1, ("acme",)),
            ("mul 2", "math.mul", 2, ()),
        )
    }
    await store.has(*calls.values(), holding("u:not-cached", a_job(tags=("acme",))))

    async def held() -> set[str]:
        return {
            name
            for name, job in calls.items()
            if job.slot and await slots.holder(job.slot.name) is not None
        }

    assert await slots.forget(prefix=cache_slot("math.mul", None, {"x": 2})) == 1
    assert await held() == {"add 1", "add 2", "mul 1"}
    assert await slots.forget(prefix=cache_slots_of("math.mul"), tag="b") == 0
    assert await slots.forget(prefix=cache_slots_of("math.add"), tag="b") == 1
    assert await slots.forget(tag="acme") == 2
    assert await held() == set()
    assert await slots.holder("u:not-cached") is not None


async def test_looks_that_come_together_share_a_query_by_the_index(
    store: Store, slots: JobSlots
) -> None:
    await store.has(*(holding(f"c:{n}") for n in range(200)), *(a_job() for _ in range(200)))
    async with profiled(store.database, JOBS) as seen:
        found = await asyncio.gather(*(slots.holder(f"c:{n}") for n in range(100)))
    assert all(held is not None and held.job.slot for held in found)
    assert len(seen) <= 2
    assert sum(each["docsExamined"] for each in seen) == 100


async def test_an_equal_submission_changes_a_job_only_as_it_was_read(store: Store) -> None:
    job = a_job(input='{"x":1}')
    await store.has(job)
    moves = JobMoves(store.database)
    after = job.amended(input='{"x":2}', priority=9)
    assert await moves.apply(job, after, at=LATER)
    stored = await store.read(job)
    assert (stored.input, stored.priority, stored.version) == ('{"x":2}', 9, 2)
    assert not await moves.apply(job, job.amended(input='{"x":3}'), at=LATER)
