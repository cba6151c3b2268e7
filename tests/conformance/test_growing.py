"""Graphs that grow from jobs, on a real database: attempts die half-way, and nothing is doubled."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import LeaseLost
from shared.contracts.job import Job
from shared.contracts.moves import Move, Status
from shared.contracts.workflow.drafting import Draft, read_draft
from shared.contracts.workflow.faults import GrewOtherwise
from shared.contracts.workflow.fitting import Fitting
from shared.contracts.workflow.growth import replacement_plot, run_of, spawn_plot
from shared.contracts.workflow.reading import read_graph
from shared.infrastructure.collections import GRAPHS, JOBS, NODES
from shared.infrastructure.documents import from_document
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_inserts import JobInserts, encode_job
from shared.infrastructure.mongo import Database
from shared.infrastructure.workflow.advance import Advance
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.growing import REPLACES, SPAWNED, Growing, Growth, digest_of
from tests.builders import a_claim, a_job

TASK = TaskEntry(name="math.add", queue="default", execution="loop")
ONE = {"nodes": {"a": {"task": "math.add"}}}
OTHER = {"nodes": {"b": {"task": "math.add"}, "c": {"task": "math.add", "after": ["b"]}}}


def draft_of(value: dict[str, Any]) -> Draft:
    entries = {TASK.name: TASK}
    return read_draft(value, read_graph(value), entries, Fitting(), now=datetime.now(UTC))


class Garden:
    """One job, whose attempts grow graphs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.growing = Growing(database)
        self.advance = Advance(database)
        self.claims = JobClaims(database, tasks=[TASK.name])
        self.id = ""

    async def running(self, token: str = "one") -> Job:
        """Store a job, and claim it."""
        job = a_job(task=TASK.name)
        self.id = job.id
        await JobInserts(self.database).insert([encode_job(job)])
        [won] = await self.claims.claim([job.id], a_claim(token=token))
        return won

    async def lost_and_claimed_again(self) -> Job:
        """Let the worker die, and another one claim the job."""
        await self.database[JOBS].update_one({"_id": self.id}, {"$set": {"status": "queued"}})
        [won] = await self.claims.claim([self.id], a_claim(token="two"))
        return won

    async def spawn(self, job: Job, value: dict[str, Any], **how: Any) -> bool:
        """Spawn a graph; say whether it is new."""
        plot = spawn_plot(job.id, "", how.pop("which", 0), run=run_of(job))
        growth = Growth(job=job, plot=plot, kind=SPAWNED, digest=digest_of(value), **how)
        again = await self.growing.mark(job)
        return (await self.growing.plant(growth, draft_of(value), again=again)).new

    async def replace(self, job: Job, value: dict[str, Any]) -> str:
        """Plant what replaces a job; return its seed."""
        draft = draft_of(value)
        plot = replacement_plot(job.id, "", draft.graph, run=run_of(job))
        growth = Growth(job=job, plot=plot, kind=REPLACES, digest=digest_of(value), wait=True)
        again = await self.growing.mark(job)
        return (await self.growing.plant(growth, draft, again=again)).seed

    async def end(self, job: Job, **how: Any) -> None:
        """Write the end of an attempt."""
        assert await JobEnds(self.database).write([End(job=replace(job, grown=True), **how)]) == []

    async def job(self, job_id: str = "") -> Job:
        """Return a job as it is stored."""
        found = await self.database[JOBS].find_one({"_id": job_id or self.id})
        assert found is not None
        return from_document(found)

    async def run_all(self) -> int:
        """Run everything that may run, until nothing may; return how many jobs that were."""
        count = 0
        while found := await self.database[JOBS].find_one({"status": "queued"}):
            [won] = await self.claims.claim([found["_id"]], a_claim(token=found["_id"]))
            await JobEnds(self.database).write([End(job=won, result="7")])
            await self.advance.advance([await self.job(won.id)])
            count += 1
        return count


@pytest.fixture
def garden(database: Database) -> Garden:
    return Garden(database)


async def test_the_same_spawn_of_a_second_attempt_is_there_already(garden: Garden) -> None:
    assert await garden.spawn(await garden.running(), OTHER)
    second = await garden.lost_and_claimed_again()
    assert not await garden.spawn(second, OTHER)
    assert await garden.database[JOBS].count_documents({"parent_id": garden.id}) == 2


async def test_another_spawn_in_the_same_place_is_refused_unless_it_is_named(
    garden: Garden,
) -> None:
    first = await garden.running()
    await garden.spawn(first, ONE)
    await garden.spawn(first, ONE, which="named", named=True)
    second = await garden.lost_and_claimed_again()
    with pytest.raises(GrewOtherwise, match="spawned another graph as '\\+0'"):
        await garden.spawn(second, OTHER)
    assert not await garden.spawn(second, OTHER, which="named", named=True)


async def test_a_spawn_that_was_half_stored_is_stored_anew(garden: Garden) -> None:
    await garden.spawn(await garden.running(), OTHER)
    await garden.database[GRAPHS].update_many({}, {"$unset": {"planted": ""}})
    second = await garden.lost_and_claimed_again()
    assert await garden.spawn(second, ONE)
    assert await garden.database[JOBS].count_documents({"parent_id": garden.id}) == 1
    assert await garden.database[NODES].count_documents({}) == 1


async def test_a_worker_that_lost_the_job_lets_nothing_grow(garden: Garden) -> None:
    first = await garden.running()
    await garden.lost_and_claimed_again()
    with pytest.raises(LeaseLost, match="nothing can grow from it here"):
        await garden.spawn(first, ONE)
    assert await garden.database[GRAPHS].count_documents({}) == 0


async def test_a_replacement_begins_when_the_end_of_the_attempt_is_stored(garden: Garden) -> None:
    job = await garden.running()
    await garden.replace(job, ONE)
    assert await garden.run_all() == 0
    assert await Graphs(garden.database).unstarted(most=9) == []  # the keeper leaves it alone
    await garden.end(job, verdict=Move.AWAIT)
    await garden.advance.advance([await garden.job()])
    assert await garden.run_all() == 1
    ended = await garden.job()
    assert (ended.status, ended.result) == (Status.SUCCEEDED, "7")


async def test_a_replacement_whose_attempt_died_gives_way_to_that_of_the_next(
    garden: Garden,
) -> None:
    await garden.replace(await garden.running(), OTHER)
    second = await garden.lost_and_claimed_again()
    await garden.replace(second, ONE)
    await garden.end(second, verdict=Move.AWAIT)
    await garden.advance.advance([await garden.job()])
    assert await garden.run_all() == 1
    assert (await garden.job()).result == "7"


async def test_a_replacement_whose_attempt_died_is_nothing_if_the_next_gives_a_value(
    garden: Garden,
) -> None:
    await garden.replace(await garden.running(), OTHER)
    second = await garden.lost_and_claimed_again()
    await garden.spawn(second, ONE, wait=True)
    await garden.end(second, verdict=Move.AWAIT, result='"own"')
    for seed in await Graphs(garden.database).unstarted(most=9):
        await garden.advance.begin_again(seed)
    await garden.advance.advance([await garden.job()])
    assert await garden.run_all() == 1
    ended = await garden.job()
    assert (ended.status, ended.result) == (Status.SUCCEEDED, '"own"')


async def test_following_up_twice_changes_nothing(garden: Garden) -> None:
    job = await garden.running()
    await garden.replace(job, OTHER)
    await garden.end(job, verdict=Move.AWAIT)
    waits = await garden.job()
    for _ in range(2):
        await garden.advance.advance([waits])
    assert await garden.run_all() == 2
    ended = await garden.job()
    again = await garden.advance.advance([waits])
    assert await garden.job() == ended
    assert again.ended == [ended]  # its own follow-ups may be undone still


async def test_who_is_asked_to_stop_as_its_attempt_ends_does_not_wait(garden: Garden) -> None:
    job = await garden.running()
    await garden.replace(job, ONE)
    await garden.database[JOBS].update_one(
        {"_id": job.id}, {"$set": {"cancel_asked_at": datetime.now(UTC)}}
    )
    await garden.end(job, verdict=Move.AWAIT)
    ended = await garden.job()
    assert ended.status is Status.CANCELLED
    await garden.advance.advance([ended])
    [child] = await garden.database[JOBS].find({"parent_id": job.id}).to_list(None)
    assert child["status"] == "cancelled"
    [graph] = await garden.database[GRAPHS].find({}).to_list(None)
    assert graph["status"] == "cancelled"
