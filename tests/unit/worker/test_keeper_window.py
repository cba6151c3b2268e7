"""The window: the broker holds a bounded number of ids; priority decides which come next."""

import pytest

from shared.contracts.job import Job
from shared.contracts.pauses import Pause, Paused
from shared.infrastructure.bell_ringer import Rung
from tests.builders import LATER, a_job
from tests.unit.worker.night import Night
from worker.keeper.refill import Refill
from worker.keeper.window import Window


@pytest.fixture
def night() -> Night:
    return Night(size=10, alive=True)


@pytest.fixture
def refill(night: Night) -> Refill:
    return Refill(night.jobs, night.window, night.ringing)


def rung(night: Night) -> list[str]:
    return [job_id for bell in night.said("ring") for job_id in bell]


def done(night: Night, count: int) -> None:
    """Let workers take some of what the broker holds."""
    there = [job for job in night.store.jobs.values() if job.published]
    for job in there[:count]:
        del night.store.jobs[job.id]


def some(count: int, **fields: object) -> list[Job]:
    return [a_job(**fields) for _ in range(count)]


async def test_jobs_without_a_bell_are_announced_if_somebody_serves_them() -> None:
    night = Night()
    served, other_queue, other_task = a_job(), a_job(queue="mail"), a_job(task="image.resize")
    night.store.put(served, other_queue, other_task, a_job(published=True))
    assert await night.unpublished.step() == 0  # nobody is there
    night.workers.alive = {"w"}
    assert await night.unpublished.step() == 1
    assert night.said("ring") == night.said("published") == [[served.id]]


async def test_without_a_broker_the_keeper_waits(night: Night, refill: Refill) -> None:
    night.store.put(a_job())
    night.ringer.link.up = False  # type: ignore[misc]
    assert await night.unpublished.step() == await refill.step() == 0
    assert night.said("ring") == []


@pytest.mark.parametrize("answer", [Rung.UNKNOWN, Rung.RETURNED])
async def test_a_bell_that_was_not_confirmed_is_rung_again(night: Night, answer: Rung) -> None:
    night.store.put(a_job())
    night.ringer.answer = answer
    assert await night.unpublished.step() == 0
    assert night.said("published") == []
    night.ringer.answer = Rung.CONFIRMED
    assert await night.unpublished.step() == 1


async def test_a_queue_that_takes_no_bell_is_asked_once_and_not_for_each(night: Night) -> None:
    night.ringer.answer = Rung.RETURNED
    assert await night.ringing.ring("default", [str(n) for n in range(640)]) == 0
    assert len(night.said("ring")) == 1


async def test_many_jobs_are_announced_in_bells_by_queue(night: Night) -> None:
    jobs = [("default", str(n)) for n in range(100)] + [("mail", str(n)) for n in range(100, 110)]
    assert await night.ringing.ring_all(jobs) == 110
    assert [len(bell) for bell in night.said("ring")] == [64, 36, 10]


async def test_what_does_not_fit_the_window_waits_and_the_queue_is_held(night: Night) -> None:
    night.store.put(*some(12))
    assert await night.unpublished.step() == 10
    assert night.said("hold") == ["default"]
    assert await night.queues.holding() == {"default"}


async def test_what_leaves_room_in_the_window_holds_nothing(night: Night) -> None:
    night.store.put(*some(9))
    assert await night.unpublished.step() == 9
    assert await night.queues.holding() == set()


async def test_a_queue_into_which_gateways_rang_too_much_is_held(night: Night) -> None:
    night.store.put(*some(12, published=True))
    assert await night.unpublished.step() == 0
    assert night.said("hold") == ["default"]


async def test_a_held_window_is_refilled_by_priority_when_half_of_it_has_drained(
    night: Night, refill: Refill
) -> None:
    night.store.put(*some(10, published=True), *some(20, priority=5))
    urgent = a_job(priority=9)
    night.store.put(urgent)
    await night.unpublished.step()
    assert await refill.step() == 0  # full
    done(night, 4)
    assert await refill.step() == 0  # more than half is there
    done(night, 1)
    assert await refill.step() == 5
    assert rung(night)[0] == urgent.id
    assert await night.queues.holding() == {"default"}


async def test_when_nothing_is_left_the_queue_is_released_and_young_jobs_are_not_forgotten(
    night: Night, refill: Refill
) -> None:
    night.store.put(*some(12, published=True), *some(3))
    await night.unpublished.step()
    done(night, 12)
    assert await refill.step() == 3
    assert night.said("release") == ["default"]
    assert await refill.step() == 0
    assert night.window.released_within("default", 5)
    assert not night.window.released_within("mail", 5)


async def test_a_refill_that_is_not_confirmed_does_not_release_the_queue(
    night: Night, refill: Refill
) -> None:
    night.store.put(*some(12, published=True), *some(3))
    await night.unpublished.step()
    done(night, 12)
    night.ringer.answer = Rung.UNKNOWN
    assert await refill.step() == 0
    assert night.said("release") == []


async def test_jobs_of_a_task_that_nobody_knows_neither_block_nor_hold_a_queue(
    night: Night, refill: Refill
) -> None:
    night.store.put(*some(50, task="gone.task", priority=9), *some(12))
    assert await night.unpublished.step() == 10
    done(night, 10)
    assert await refill.step() == 2
    assert night.said("release") == ["default"]


async def test_a_held_queue_that_nobody_serves_stays_held(night: Night, refill: Refill) -> None:
    await night.queues.hold("mail", True)
    night.store.put(a_job(queue="mail"))
    assert await night.unpublished.step() == await refill.step() == 0
    assert await night.queues.holding() == {"mail"}


async def test_what_is_held_is_known_to_the_keeper_that_leads_next(night: Night) -> None:
    night.store.put(*some(12))
    await night.unpublished.step()
    successor = Window(
        night.jobs, night.queues, night.workers, night.ringing, pauses=night.pauses, size=10
    )
    await successor.look()
    assert successor.holding == {"default"}


async def test_for_what_is_paused_nobody_rings_and_once_it_is_resumed_for_all_at_once(
    night: Night,
) -> None:
    jobs = some(3)
    night.store.put(*jobs, a_job(published=True))
    night.pauses.paused = Paused(queues={"default": Pause(at=LATER)})
    assert await night.unpublished.step() == 0
    assert await night.window.ring([("default", jobs[0].id)]) == 0
    night.pauses.paused = Paused()
    assert await night.unpublished.step() == 4  # also for the one whose bell was passed over


async def test_of_a_paused_task_nothing_is_rung_and_of_others_of_its_queue_everything(
    night: Night,
) -> None:
    night.store.put(*some(3))
    night.pauses.paused = Paused(tasks={"math.add": Pause(at=LATER)})
    assert await night.unpublished.step() == 0
    night.pauses.paused = Paused(tasks={"math.mul": Pause(at=LATER)})
    assert await night.unpublished.step() == 3
