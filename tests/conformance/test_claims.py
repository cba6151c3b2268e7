"""Claims: exactly one worker wins, and asking again after a lost answer does no harm."""

import asyncio

import pytest

from shared.contracts.moves import Status
from shared.infrastructure.job_claims import JobClaims
from tests.builders import a_claim, a_job, a_running_job
from tests.conformance.store import Store


@pytest.fixture
def claims(store: Store) -> JobClaims:
    return JobClaims(store.database, tasks=["math.add", "text.count"])


async def test_of_many_claimers_each_job_has_exactly_one_winner(
    store: Store, claims: JobClaims
) -> None:
    jobs = [a_job() for _ in range(60)]
    await store.has(*jobs)
    ids = [job.id for job in jobs]
    contenders = [a_claim(token=f"t{n}", worker=f"w{n}") for n in range(6)]
    # Each asks for the jobs in bells of its own size, so that the claims cross one another.
    asked = [
        (claim, ids[start : start + size])
        for size, claim in enumerate(contenders, start=1)
        for start in range(0, len(ids), size)
    ]
    won = await asyncio.gather(*(claims.claim(bell, claim) for claim, bell in asked))
    winners = [(job.id, job.claim) for each in won for job in each]
    assert sorted(job_id for job_id, _ in winners) == sorted(ids)
    for job_id, claim in winners:
        stored = await store.read(job_id)
        assert (stored.claim, stored.starts, stored.attempt) == (claim, 1, 1)


@pytest.mark.parametrize("count", [1, 3])
async def test_a_claim_whose_answer_was_lost_can_be_repeated(
    store: Store, claims: JobClaims, count: int
) -> None:
    jobs = [a_job() for _ in range(count)]
    await store.has(*jobs)
    first = await claims.claim([job.id for job in jobs], a_claim())
    again = await claims.claim([job.id for job in jobs], a_claim())
    assert sorted(again, key=lambda job: job.id) == sorted(first, key=lambda job: job.id)
    assert [job.starts for job in again] == [1] * count


async def test_a_cancelled_claim_that_took_effect_is_found_by_its_token(
    store: Store, claims: JobClaims
) -> None:
    jobs = [a_job() for _ in range(20)]
    await store.has(*jobs)
    claim = a_claim(token="cut off")
    asking = asyncio.ensure_future(claims.claim([job.id for job in jobs], claim))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    won = await claims.claim([job.id for job in jobs], claim)
    assert len(won) == 20
    assert {job.starts for job in won} == {1}


@pytest.mark.parametrize("alone", [True, False], ids=["one id", "several ids"])
@pytest.mark.parametrize("status", [each for each in Status if each is not Status.QUEUED])
async def test_a_job_that_is_not_queued_is_not_won(
    store: Store, claims: JobClaims, status: Status, alone: bool
) -> None:
    held = a_claim(token="theirs", worker="they") if status is Status.RUNNING else None
    job, free = a_job(status=status, claim=held), a_job()
    await store.has(job, free)
    ids = [job.id] if alone else [job.id, free.id]
    won = await claims.claim(ids, a_claim())
    assert [each.id for each in won] == ids[1:]
    assert await store.claim_of(job) == held


async def test_ids_that_do_not_exist_are_not_won(claims: JobClaims) -> None:
    assert await claims.claim([a_job().id], a_claim()) == []
    assert await claims.claim([a_job().id, a_job().id], a_claim()) == []
    assert await claims.claim([], a_claim()) == []


async def test_a_task_that_we_do_not_know_is_left_to_others(
    store: Store, claims: JobClaims
) -> None:
    ours = a_job(published=True)
    theirs = a_job(task="image.resize", published=True)
    taken = a_running_job(task="image.resize", published=True)
    await store.has(ours, theirs, taken)
    ids = [ours.id, theirs.id, taken.id]
    won = await claims.claim(ids, a_claim(token="new"))
    assert [job.id for job in won] == [ours.id]
    await claims.leave_to_others(ids)
    assert (await store.read(theirs)).published is False  # so the keeper rings again
    assert (await store.read(theirs)).status is Status.QUEUED
    assert (await store.read(ours)).published is True
    assert (await store.read(taken)).published is True


async def test_a_suspect_is_marked_alone_only_by_who_holds_it(
    store: Store, claims: JobClaims
) -> None:
    [job] = await store.has_claimed()
    await claims.mark_alone(job.id, a_claim(token="stale"))
    assert await store.claim_of(job) == a_claim(alone=False)
    await claims.mark_alone(job.id, a_claim())
    assert await store.claim_of(job) == a_claim(alone=True)
    assert (await store.read(job)).version == job.version  # nothing that a client could see


async def test_a_claim_shows_everything_that_was_submitted(store: Store, claims: JobClaims) -> None:
    job = a_job(
        input='{"$where":"1","a.b":{"":null}}', tags=("x",), metadata='{"k":[1]}', timeout_s=2.5
    )
    await store.has(job)
    [won] = await claims.claim([job.id], a_claim())
    assert (won.input, won.metadata, won.tags) == (job.input, job.metadata, job.tags)
    assert (won.timeout_s, won.queue, won.created_at) == (2.5, job.queue, job.created_at)
