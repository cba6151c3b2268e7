"""Pauses: who and why, and no claim of what is paused."""

import pytest

from shared.contracts.pauses import Paused
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.mongo import Database
from shared.infrastructure.pauses import Pauses
from tests.builders import a_claim, a_job
from tests.conformance.store import Store


@pytest.fixture
def pauses(database: Database) -> Pauses:
    return Pauses(database)


async def test_a_pause_says_who_and_why_until_it_is_over(pauses: Pauses) -> None:
    assert not await pauses.read()
    await pauses.pause("queue", "mail", by="ann", why="the server is down")
    await pauses.pause("task", "mail", by=None, why=None)
    await pauses.pause("queue", "mail", by="bob", why="still down")
    found = await pauses.read()
    assert (found.queues["mail"].by, found.queues["mail"].why) == ("bob", "still down")
    assert found.tasks["mail"].by is None
    await pauses.resume("queue", "mail")
    await pauses.resume("queue", "mail")
    assert (dict((await pauses.read()).queues), len((await pauses.read()).tasks)) == ({}, 1)


@pytest.mark.parametrize("kind", ["queue", "task"])
async def test_nothing_paused_is_claimed_and_its_jobs_are_to_be_rung_for_again(
    store: Store, pauses: Pauses, kind: str
) -> None:
    free = a_job(published=True)
    held = a_job(published=True, **{kind: "held"})
    await store.has(free, held)
    claims = JobClaims(store.database, tasks=["math.add", "held"])
    await pauses.pause("queue" if kind == "queue" else "task", "held", by=None, why=None)
    claims.paused = await pauses.read()
    ids = [free.id, held.id]
    assert [job.id for job in await claims.claim(ids, a_claim())] == [free.id]
    assert await claims.claim([held.id], a_claim(token="another")) == []
    await claims.leave_to_others(ids)
    assert not (await store.read(held)).published
    claims.paused = Paused()
    assert [job.id for job in await claims.claim(ids, a_claim(token="later"))] == [held.id]
