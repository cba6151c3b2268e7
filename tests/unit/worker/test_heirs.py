"""Jobs that go on with the slot of the one before them: when they do, and when they do not."""

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.contracts.bands import USUAL
from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import Job
from shared.contracts.limits.names import Charge
from shared.contracts.moves import Status
from shared.contracts.pauses import Pause, Paused
from shared.infrastructure.end_statements import End
from shared.infrastructure.workflow.inheriting import LONGEST, Bequest
from tests.builders import LATER, a_claim, a_failure, a_job, a_running_job
from tests.eventually import eventually
from tests.fakes.store import FakeClaims, FakeStore
from tests.fakes.worker import FakeHeartbeat
from tests.unit.worker.shift import Shift, release
from worker.attempt import Attempt
from worker.heirs import GOES_ON_S, Heirs


def an_heir(**overrides: object) -> Job:
    """A job that waits for one other only."""
    given = {"status": Status.WAITING, "because": "jobs", "node": "b", "task": "t.quick"}
    return a_job(**given | overrides)


def before(heir: Job, **overrides: object) -> Job:
    """The job that it waits for, under way."""
    return a_running_job(heir=heir.id, node="a", workflow_id="w", task="t.quick", **overrides)


class Desk:
    """What decides on the heir of one attempt."""

    def __init__(self, heir: Job, **parent: object) -> None:
        self.heir = heir
        self.attempt = Attempt(before(heir, **parent))
        self.claims = FakeClaims(FakeStore(), tasks=["t.quick"])
        self.heartbeat = FakeHeartbeat()
        self.trouble: Exception | None = None
        self.asked: list[list[str]] = []
        self.heirs = Heirs(
            "us",
            read=self.read,
            claims=self.claims,
            queues=["default"],
            heartbeat=self.heartbeat,
        )

    async def read(self, ids: Sequence[str]) -> list[Job]:
        self.asked.append(list(ids))
        if self.trouble:
            raise self.trouble
        return [self.heir] if self.heir.id in ids else []

    async def decide(self, end: End | None = None, waiting: int | None = None) -> Bequest | None:
        job = self.attempt.job
        self.heirs.look_for(job)
        try:
            return await self.heirs.bequest(
                self.attempt, end or End(job=job, result="1"), waiting=waiting
            )
        finally:
            self.heirs.forget(job)
            self.heirs.forget(self.heir)


async def test_a_job_that_waits_for_this_one_alone_goes_on() -> None:
    desk = Desk(an_heir())
    bequest = await desk.decide()
    assert bequest is not None
    assert (bequest.heir, bequest.claim.worker) == (desk.heir, "us")


async def test_each_heir_has_a_token_of_its_own() -> None:
    desk = Desk(an_heir())
    first, second = await desk.decide(), await desk.decide()
    assert first is not None
    assert second is not None
    assert first.claim.token != second.claim.token


@pytest.mark.parametrize(
    "heir",
    [
        an_heir(status=Status.CANCELLED),
        an_heir(because="schedule"),
        an_heir(starts=1),
        an_heir(run_at=LATER),
        an_heir(expires_at=LATER),
        an_heir(keys=("k",)),
        an_heir(limits=(Charge(name="github"),)),
        an_heir(queue="elsewhere"),
        an_heir(task="of.others"),
    ],
    ids=["cancelled", "timed", "again", "later", "expiring", "keyed", "limited", "queue", "task"],
)
async def test_what_is_not_plain_goes_the_usual_way(heir: Job) -> None:
    assert await Desk(heir).decide() is None


@pytest.mark.parametrize(
    "end",
    [
        {"error": a_failure()},
        {"result": "1", "verdict": "wait for what grew from it"},
        {"result": "1" * (LONGEST + 1)},
    ],
    ids=["failed", "grown", "long"],
)
async def test_only_a_plain_success_has_an_heir(end: dict[str, object]) -> None:
    desk = Desk(an_heir())
    assert await desk.decide(End(job=desk.attempt.job, **end)) is None  # type: ignore[arg-type]


async def test_a_job_that_somebody_cancels_has_no_heir() -> None:
    desk = Desk(an_heir())
    desk.attempt.ask()
    assert await desk.decide() is None


async def test_a_job_from_which_graphs_grew_has_no_heir() -> None:
    assert await Desk(an_heir(), grown=True).decide() is None


@pytest.mark.parametrize(
    "paused",
    [Paused(queues={"default": Pause(at=LATER)}), Paused(tasks={"t.quick": Pause(at=LATER)})],
)
async def test_a_pause_holds_for_heirs(paused: Paused) -> None:
    desk = Desk(an_heir())
    desk.claims.paused = paused
    assert await desk.decide() is None


async def test_a_worker_that_cannot_prove_its_lease_takes_no_heir() -> None:
    desk = Desk(an_heir())
    desk.heartbeat.holds = False
    assert await desk.decide() is None


@pytest.mark.parametrize("trouble", [StoreUnavailable("away"), ValueError("no such field")])
async def test_without_an_answer_the_usual_way_is_taken(trouble: Exception) -> None:
    desk = Desk(an_heir())
    desk.trouble = trouble
    assert await desk.decide() is None


async def test_while_equals_wait_a_slot_goes_on_for_a_second() -> None:
    desk = Desk(an_heir())
    assert await desk.decide(waiting=USUAL) is not None
    desk.attempt.slot_since = time.monotonic() - GOES_ON_S
    assert await desk.decide(waiting=USUAL) is None
    assert await desk.decide(waiting=USUAL - 1) is not None
    assert await desk.decide(waiting=None) is not None


async def test_what_is_more_urgent_goes_first() -> None:
    assert await Desk(an_heir()).decide(waiting=USUAL + 1) is None
    assert await Desk(an_heir(priority=9)).decide(waiting=USUAL + 1) is not None


async def test_what_was_read_ahead_is_not_read_again() -> None:
    third = an_heir(node="c")
    desk = Desk(an_heir(heir=third.id))
    job = replace(desk.attempt.job, heirs=(desk.heir.id, third.id, "a fourth"))
    desk.heirs.look_for(job)
    desk.heirs.look_for(desk.heir, after=job)
    desk.heirs.look_for(third, after=desk.heir)  # of whose heir nothing is known
    await eventually(lambda: desk.asked == [[desk.heir.id, third.id, "a fourth"]])
    for each in (job, desk.heir, third):
        desk.heirs.forget(each)


async def a_chain(shift: Shift, *tasks: str) -> list[Job]:
    """Let a chain of jobs exist, whose first is rung for."""
    heirs: list[Job] = []
    for number, name in reversed(list(enumerate(tasks[1:], start=1))):
        after = heirs[0].id if heirs else None
        heirs.insert(0, an_heir(task=name, node=f"n{number}", workflow_id="w", heir=after))
    shift.store.put(*heirs)
    [first] = await shift.run(tasks[0], heir=heirs[0].id, node="n0", workflow_id="w")
    return [first, *heirs]


async def test_a_chain_runs_through_on_one_slot() -> None:
    shift = Shift()
    async with shift.working():
        jobs = await a_chain(shift, "t.quick", "t.quick", "t.quick")
        await eventually(lambda: all(shift.status(job) is Status.SUCCEEDED for job in jobs))
        await eventually(lambda: shift.slots.taken == 0)
    assert [word for word in shift.words() if word in ("claim", "inherit")] == [
        "claim",
        "inherit",
        "inherit",
    ]
    assert shift.ending.finished == 3


async def test_an_heir_that_was_cancelled_meanwhile_leaves_the_slot_to_others() -> None:
    shift = Shift()
    async with shift.working():
        jobs = await a_chain(shift, "t.slow", "t.quick")
        shift.store.put(shift.store.jobs[jobs[1].id].cancelled(at=LATER))
        release.set()
        await eventually(lambda: shift.status(jobs[0]) is Status.SUCCEEDED)
        await eventually(lambda: shift.slots.taken == 0)
    assert shift.status(jobs[1]) is Status.CANCELLED


async def test_a_worker_that_lost_the_job_has_no_right_to_its_heir() -> None:
    shift = Shift()
    async with shift.working():
        jobs = await a_chain(shift, "t.slow", "t.quick")
        now = shift.store.jobs[jobs[0].id]
        shift.store.put(replace(now, claim=a_claim(token="another")))
        release.set()
        await eventually(lambda: shift.slots.taken == 0)
    assert shift.status(jobs[1]) is Status.WAITING
    assert shift.ending.discarded == 1


async def test_a_worker_that_stops_takes_no_heir() -> None:
    shift = Shift(grace=5)
    async with shift.working() as running:
        jobs = await a_chain(shift, "t.slow", "t.quick")
        shift.stop.asked.set()
        await eventually(lambda: "pause" in shift.words())
        release.set()
        await running
    assert [shift.status(job) for job in jobs] == [Status.SUCCEEDED, Status.WAITING]


async def test_an_heir_under_way_is_handed_back_like_any_other_job() -> None:
    shift = Shift(grace=0.05)
    async with shift.working() as running:
        jobs = await a_chain(shift, "t.quick", "t.slow")
        await eventually(lambda: shift.status(jobs[1]) is Status.RUNNING)
        shift.stop.asked.set()
        await running
    after = shift.store.jobs[jobs[1].id]
    assert (after.status, after.attempt, after.lost) == (Status.QUEUED, 0, 0)
