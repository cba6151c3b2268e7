"""From bells to running jobs: what fits is claimed, then acknowledged, and nothing is hoarded."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from shared.contracts.errors import LeaseLost
from shared.contracts.ids import nth_id
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.bell_ringer import Rung
from tests.builders import LATER, NOON, a_claim, a_job, a_running_job
from tests.eventually import eventually
from tests.fakes.broker import FakeRinger, FakeSource, a_bell
from tests.fakes.store import FakeClaims, FakeStore, Outage
from tests.fakes.worker import FakeHeartbeat
from worker.consumer import Consumer, Tools
from worker.slots import Slots

SEED = a_job().id


class Bench:
    """A consumer whose surroundings the test controls."""

    def __init__(self, *, slots: int = 4) -> None:
        self.store = FakeStore()
        self.journal = self.store.journal
        self.slots = Slots(slots)
        self.heartbeat = FakeHeartbeat()
        self.ringer = FakeRinger(self.journal)
        self.source = FakeSource(self.journal)
        self.started: list[Job] = []
        claims = FakeClaims(self.store)
        tools = Tools(claims, self.ringer, self.heartbeat, self.slots)
        self.consumer = Consumer("us", tools, self._start)

    def _start(self, job: Job) -> None:
        self.started.append(job)
        self.journal.append(("start", job.id))

    def ring(self, *jobs: Job, queue: str = "default") -> None:
        """A bell for these jobs arrives."""
        self.consumer.hear(a_bell(self.journal, *(job.id for job in jobs), queue=queue))

    def words(self) -> list[str]:
        return [word for word, _ in self.journal]

    def said(self, word: str) -> list[object]:
        return [about for each, about in self.journal if each == word]

    @asynccontextmanager
    async def working(self) -> AsyncIterator["asyncio.Task[None]"]:
        running = asyncio.create_task(self.consumer.run(self.source))
        try:
            yield running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def some_jobs(bench: Bench, count: int) -> list[Job]:
    jobs = [a_job(id=nth_id(SEED, n)) for n in range(count)]
    bench.store.put(*jobs)
    return jobs


async def test_a_job_is_claimed_then_started_then_its_bell_is_acknowledged() -> None:
    bench = Bench()
    [job] = some_jobs(bench, 1)
    bench.ring(job)
    async with bench.working():
        await eventually(lambda: "ack" in bench.words())
    assert bench.words() == ["claim", "start", "ack"]
    [started] = bench.started
    assert (started.status, started.claim and started.claim.worker) == (Status.RUNNING, "us")
    assert bench.slots.taken == 1


async def test_one_claim_takes_all_that_fits_from_several_bells() -> None:
    bench = Bench(slots=10)
    jobs = some_jobs(bench, 6)
    bench.ring(*jobs[:2])
    bench.ring(*jobs[2:5])
    bench.ring(jobs[5])
    async with bench.working():
        await eventually(lambda: len(bench.said("ack")) == 3)
    assert bench.said("claim") == [[job.id for job in jobs]]
    assert len(bench.started) == 6


async def test_no_more_is_claimed_than_there_are_slots_and_the_bell_stays_open() -> None:
    bench = Bench(slots=3)
    jobs = some_jobs(bench, 5)
    bench.ring(*jobs)
    async with bench.working():
        await eventually(lambda: len(bench.started) == 3)
        assert bench.said("ack") == []
        for _ in range(3):
            bench.slots.release()
        await eventually(lambda: bench.said("ack"))
    assert bench.said("claim") == [[job.id for job in jobs[:3]], [job.id for job in jobs[3:]]]


async def test_an_id_that_stands_in_two_bells_is_claimed_once() -> None:
    bench = Bench()
    first, second = some_jobs(bench, 2)
    bench.ring(first, second)
    bench.ring(second, first)
    async with bench.working():
        await eventually(lambda: len(bench.said("ack")) == 2)
    assert bench.said("claim") == [[first.id, second.id]]
    assert len(bench.started) == 2


async def test_a_job_that_is_not_won_takes_no_slot_and_its_bell_is_settled() -> None:
    bench = Bench()
    gone, taken = a_job(), a_running_job(claim=a_claim(token="theirs", worker="they"))
    bench.store.put(taken)
    bench.ring(gone, taken)
    async with bench.working():
        await eventually(lambda: bench.said("ack"))
    assert bench.started == []
    assert bench.slots.taken == 0


async def test_a_task_that_we_do_not_know_is_left_to_others() -> None:
    bench = Bench()
    [ours] = some_jobs(bench, 1)
    theirs = a_job(task="image.resize", published=True)
    bench.store.put(theirs)
    bench.ring(ours, theirs)
    async with bench.working():
        await eventually(lambda: bench.said("ack"))
    assert [job.id for job in bench.started] == [ours.id]
    assert bench.store.jobs[theirs.id].published is False
    assert bench.words() == ["claim", "start", "leave", "ack"]


@pytest.mark.parametrize("takes_effect", [False, True])
async def test_a_claim_with_an_unknown_outcome_is_repeated_with_the_same_token(
    takes_effect: bool,
) -> None:
    bench = Bench()
    jobs = some_jobs(bench, 3)
    bench.store.outage = Outage(calls=2, takes_effect=takes_effect)
    bench.ring(*jobs)
    async with bench.working():
        await eventually(lambda: bench.said("ack"))
    assert len(bench.said("claim")) == 3
    assert sorted(job.id for job in bench.started) == sorted(job.id for job in jobs)
    assert {job.starts for job in bench.started} == {1}
    assert len({job.claim and job.claim.token for job in bench.started}) == 1


async def test_each_claim_has_a_token_of_its_own() -> None:
    bench = Bench()
    jobs = some_jobs(bench, 2)
    async with bench.working():
        for number, job in enumerate(jobs, start=1):
            bench.ring(job)
            await eventually(lambda: len(bench.said("ack")) >= number)  # noqa: B023
    assert len({job.claim and job.claim.token for job in bench.started}) == 2


async def test_without_a_proven_lease_nothing_is_claimed() -> None:
    bench = Bench()
    bench.heartbeat.holds = False
    bench.ring(*some_jobs(bench, 1))
    with pytest.raises(LeaseLost, match="us cannot prove its lease"):
        async with asyncio.timeout(5):
            await bench.consumer.run(bench.source)
    assert bench.journal == []


async def test_a_full_worker_passes_its_bells_on_and_listens_again_when_a_slot_is_free() -> None:
    bench = Bench(slots=2)
    jobs = some_jobs(bench, 5)
    bench.ring(*jobs[:3])
    bench.ring(*jobs[3:])
    async with bench.working():
        await eventually(lambda: len(bench.said("ack")) == 2)
        assert bench.said("ring") == [[jobs[2].id], [jobs[3].id, jobs[4].id]]  # not what we claimed
        assert "resume" not in bench.words()
        bench.slots.release()
        await eventually(lambda: "resume" in bench.words())
    assert bench.said("leave queues")[0] == ["default"]
    assert bench.words().index("leave queues") < bench.words().index("ring")
    assert len(bench.started) == 2


async def test_bells_of_higher_priority_are_opened_first() -> None:
    bench = Bench(slots=3)
    low, usual, high = some_jobs(bench, 3)
    bench.ring(low, queue="default:p0")
    bench.ring(usual)
    bench.ring(high, queue="default:p9")
    async with bench.working():
        await eventually(lambda: len(bench.started) == 3)
    assert bench.said("claim") == [[high.id, usual.id, low.id]]


async def test_of_what_was_left_the_best_is_taken_first_whatever_comes_back_first() -> None:
    bench = Bench(slots=1)
    first, low, high = some_jobs(bench, 3)
    bench.ring(first, queue="default:p9")
    async with bench.working():
        await eventually(lambda: bench.started)
        bench.ring(low, queue="default:p0")
        bench.ring(high, queue="default:p1")
        await eventually(lambda: len(bench.said("ring")) == 2)
        bench.slots.release()
        await eventually(lambda: "resume" in bench.words())
        bench.ring(low, queue="default:p0")
        await asyncio.sleep(0)
        bench.ring(high, queue="default:p1")
        await eventually(lambda: len(bench.started) == 2)
    assert bench.started[-1].id == high.id


async def test_a_full_worker_listens_on_where_nothing_came_and_passes_on_what_comes_there() -> None:
    bench = Bench(slots=1)
    first, low, high = some_jobs(bench, 3)
    bench.ring(first, low)
    async with bench.working():
        await eventually(lambda: bench.said("ring") == [[low.id]])
        bench.ring(high, queue="default:p9")
        await eventually(lambda: bench.said("ring") == [[low.id], [high.id]])
        assert "resume" not in bench.words()
    assert bench.said("leave queues")[:2] == [["default"], ["default:p9"]]


async def test_a_bell_that_comes_while_others_are_passed_on_is_not_passed_on_to_ourselves() -> None:
    bench = Bench(slots=1)
    first, low, high = some_jobs(bench, 3)
    ring = bench.ringer.ring
    left: set[str] = set()

    async def ring_and_deliver(band: str, ids: Sequence[str], *, task: str = "") -> Rung:
        """Deliver to the worker at once what it rings for and goes on to listen to."""
        if band == "default":
            bench.ring(high, queue="default:p9")
        for bands in bench.said("leave queues"):
            left.update(cast(list[str], bands))
        if band not in left:
            bench.ring(high, queue=band)
        return await ring(band, ids, task=task)

    bench.ringer.ring = ring_and_deliver  # type: ignore[method-assign]
    bench.ring(first, low)
    async with bench.working():
        await eventually(lambda: [high.id] in bench.said("ring"))
        assert bench.said("ring") == [[low.id], [high.id]]


@pytest.mark.parametrize("answer", [Rung.UNKNOWN, Rung.RETURNED])
async def test_a_bell_that_cannot_be_passed_on_is_given_back(answer: Rung) -> None:
    bench = Bench(slots=1)
    bench.ringer.answer = answer
    bench.ring(*some_jobs(bench, 2))
    async with bench.working():
        await eventually(lambda: bench.said("give back"))
    assert bench.said("ack") == []


async def test_bells_of_a_lost_connection_are_dropped_unsettled() -> None:
    bench = Bench()
    bench.ring(*some_jobs(bench, 1))
    bench.consumer.forget()
    async with bench.working():
        later = a_job()
        bench.store.put(later)
        bench.ring(later)
        await eventually(lambda: bench.said("ack"))
    assert bench.said("ack") == [[later.id]]


async def test_bells_in_hand_are_given_back_at_the_end() -> None:
    bench = Bench()
    jobs = some_jobs(bench, 2)
    for job in jobs:
        bench.ring(job)
    await bench.consumer.give_all_back()
    assert bench.said("give back") == [[jobs[0].id], [jobs[1].id]]
    await bench.consumer.give_all_back()
    assert len(bench.journal) == 2


async def test_a_draining_worker_gives_back_what_still_comes_and_claims_nothing() -> None:
    bench = Bench()
    early, late = some_jobs(bench, 2)
    async with bench.working():
        await bench.consumer.drain(bench.source)
        for job in (early, late):
            bench.ring(job)
            await eventually(lambda: ("give back", [job.id]) in bench.journal)  # noqa: B023
    assert bench.words() == ["pause", "give back", "give back"]


async def test_a_full_worker_that_drains_does_not_listen_again_when_a_slot_is_free() -> None:
    bench = Bench(slots=1)
    bench.ring(*some_jobs(bench, 2))
    async with bench.working():
        await eventually(lambda: "ack" in bench.words())
        await bench.consumer.drain(bench.source)
        bench.slots.release()
        await eventually(lambda: bench.slots.free == 1)
        later = a_job()
        bench.store.put(later)
        bench.ring(later)
        await eventually(lambda: ("give back", [later.id]) in bench.journal)
    assert "resume" not in bench.words()


async def test_of_the_bells_that_are_done_the_newest_time_is_kept_for_each_queue() -> None:
    bench = Bench()
    jobs = some_jobs(bench, 3)
    for job, rung_at in zip(jobs, (LATER, NOON, None), strict=True):
        bell = a_bell(bench.journal, job.id)
        bell.rung_at = rung_at
        bench.consumer.hear(bell)
    async with bench.working():
        await eventually(lambda: len(bench.said("ack")) == 3)
    assert bench.consumer.finished == {"default": int(LATER.timestamp() * 1000)}
