"""Chains whose steps the loss of a primary undoes: done again in their order, or given up."""

from collections.abc import AsyncIterator, Sequence

import pytest

from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.mongo import Document
from shared.infrastructure.workflow.inheriting import Bequest, Inheriting, ours
from tests.builders import NOON, a_claim, a_job, a_running_job
from tests.conformance.store import Store
from tests.eventually import eventually
from worker.trails import Trails


class Chain:
    """Four jobs of a chain, of which a worker runs the first, and what it told of them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.inheriting = Inheriting(store.database, JobEnds(store.database))
        self.told: list[tuple[str, bool]] = []  # results, and whether they came in time
        self.trails = Trails(self.inheriting, self.tell)
        waiting = {"status": Status.WAITING, "because": "jobs", "workflow_id": "w"}
        heirs = [a_job(node=name, **waiting) for name in "bcd"]
        first = a_running_job(workflow_id="w", node="a", claim=a_claim(token="a"))
        self.jobs: list[Job] = [first, *heirs]
        self.trail = self.trails.new()

    async def stored(self) -> list[Document]:
        """Put it there; return how it lies there."""
        await self.store.has(*self.jobs)
        return await self.documents()

    async def documents(self) -> list[Document]:
        return [await self.store.raw(job) for job in self.jobs]

    async def step(self, number: int) -> bool:
        """Go from one job to the next; say whether that was possible at once."""
        parent, heir = self.jobs[number : number + 2]
        end = End(job=parent, result=str(number))
        bequest = Bequest(end=end, heir=heir, claim=a_claim(token=f"{number}"), at=NOON)
        self.jobs[number + 1] = ours(bequest)
        if not await self.inheriting.pass_on([bequest]):
            return False
        self.trail.add(bequest)
        return True

    async def undo(self, documents: Sequence[Document]) -> None:
        """Let the store be as it was, as a primary leaves it that had not heard of the rest."""
        for document in documents:
            await self.store.jobs.replace_one({"_id": document["_id"]}, document)

    async def loses_two_steps(self) -> None:
        """Go from the first job to the third, which a lost primary undoes."""
        at_first = await self.stored()
        await self.step(0)
        await self.step(1)
        await self.undo(at_first)

    def tell(self, steps: Sequence[Bequest], late: Sequence[End]) -> None:
        lost = {end.job.id for end in late}
        self.told += [(str(step.end.result), step.end.job.id not in lost) for step in steps]

    async def statuses(self) -> list[str]:
        return [document["status"] for document in await self.documents()]


@pytest.fixture
async def chain(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Chain]:
    monkeypatch.setattr("worker.trails.PROVEN_WITHIN", 60)  # what lasts cannot be undone any more
    made = Chain(store)
    async with made.trails.running():
        yield made


async def test_of_steps_nothing_is_told_until_they_last(chain: Chain) -> None:
    await chain.stored()
    assert await chain.step(0)
    assert await chain.step(1)
    assert chain.told == []
    await chain.trail.proven()
    assert chain.told == [("0", True), ("1", True)]
    assert chain.trail.steps == []


async def test_what_a_primary_lost_is_done_again_in_its_order(chain: Chain) -> None:
    at_first = await chain.stored()
    for number in range(3):
        assert await chain.step(number)
    as_told = [await chain.store.read(job) for job in chain.jobs]
    await chain.undo(at_first)
    await chain.trail.proven()
    assert await chain.statuses() == ["succeeded", "succeeded", "succeeded", "running"]
    assert [(await chain.store.read(job)).claim for job in chain.jobs] == [
        job.claim for job in as_told
    ]
    assert chain.told == [("0", True), ("1", True), ("2", True)]


async def test_a_part_of_it_that_was_lost_is_done_again(chain: Chain) -> None:
    await chain.stored()
    await chain.step(0)
    after_one = await chain.documents()
    await chain.step(1)
    await chain.undo(after_one)
    assert not await chain.step(2)  # its job is not running there
    await chain.trail.proven()
    assert chain.told == [("0", True), ("1", True)]
    assert await chain.statuses() == ["succeeded", "succeeded", "running", "waiting"]


async def test_if_the_first_job_was_lost_too_all_behind_it_is_void(chain: Chain) -> None:
    await chain.loses_two_steps()
    await chain.store.jobs.update_one(
        {"_id": chain.jobs[0].id}, {"$set": {"claim.token": "somebody else's"}}
    )
    before = await chain.documents()
    await chain.trail.proven()
    assert chain.told == [("0", False), ("1", False)]
    assert await chain.documents() == before


async def test_an_heir_that_was_cancelled_after_the_loss_stays_so(chain: Chain) -> None:
    await chain.loses_two_steps()
    await chain.store.jobs.update_one(
        {"_id": chain.jobs[1].id}, {"$set": {"status": "cancelled"}, "$inc": {"version": 1}}
    )
    await chain.trail.proven()
    assert chain.told == [("0", True), ("1", False)]
    assert await chain.statuses() == ["succeeded", "cancelled", "waiting", "waiting"]


async def test_trails_are_proven_together(chain: Chain, store: Store) -> None:
    other = Chain(store)
    other.trails = chain.trails
    other.trail = chain.trails.new()
    other.told = chain.told
    for each in (chain, other):
        await each.stored()
        await each.step(0)
    await chain.trail.proven()
    assert chain.told == [("0", True), ("0", True)]
    assert other.trail.steps == []


async def test_steps_are_proven_though_nobody_asks(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.trails.PROVEN_WITHIN", 0.02)
    await chain.stored()
    await chain.step(0)
    await eventually(lambda: chain.told == [("0", True)])


async def test_a_worker_that_ends_proves_what_is_left(chain: Chain) -> None:
    await chain.stored()
    async with Trails(chain.inheriting, chain.tell).running() as trails:
        chain.trail = trails.new()
        await chain.step(0)
    assert chain.told == [("0", True)]
