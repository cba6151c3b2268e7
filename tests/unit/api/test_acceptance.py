"""Accepting jobs: stored together, announced once they are stored, and not before."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, cast

import bson
import pytest

from api.acceptance import Acceptance
from api.announcer import Announcer
from api.catalogue import Catalogue
from api.lanes.caps import LaneCaps
from api.lanes.desk import Lanes
from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import InvalidInput, StoreUnavailable, UnknownTask
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.submission import read_submission
from shared.infrastructure.bell_ringer import Rung
from shared.infrastructure.lanes.looks import LaneLooks
from tests.builders import a_job
from tests.eventually import eventually
from tests.fakes.broker import FakeHints, FakeRinger
from tests.fakes.store import FakeCatalogue, FakeInserts, FakeStore

ADD = TaskEntry(
    name="math.add",
    queue="math",
    execution="loop",
    input_schema={"type": "object", "properties": {"x": {"type": "integer"}}},
)


class FakeCaps(LaneCaps):
    """Remembers which jobs were checked against which cap."""

    def __init__(self) -> None:
        super().__init__(cast(LaneLooks, None))
        self.checked: list[tuple[Job, int]] = []

    async def check(self, job: Job, cap: int) -> None:
        self.checked.append((job, cap))


class FakeLanes(Lanes):
    """Counts those in line, and lets in whoever may come in."""

    def __init__(self) -> None:
        self.caps = FakeCaps()
        self.may_come_in: set[str] = set()

    async def let_in(self, jobs: Sequence[Job]) -> set[str]:
        return {job.id for job in jobs} & self.may_come_in


class Desk:
    """An acceptance, and everything behind it."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.inserts = FakeInserts(self.store)
        self.ringer = FakeRinger(self.store.journal)
        self.hints = FakeHints()
        self.held: set[str] = set()
        self.lined_up: list[Job] = []
        self.lanes = FakeLanes()
        self.announcer = Announcer(
            self.ringer,
            self.inserts,
            self.hints,
            holds=lambda job: job.queue in self.held,
            line_up=self.lined_up.extend,
        )
        self.catalogue = Catalogue(FakeCatalogue(ADD))
        self.acceptance = Acceptance(self.catalogue, self.inserts, self.announcer, self.lanes)

    async def prepared(self, **submission: Any) -> Job:
        return await self.acceptance.prepare(read_submission({"task": "math.add", **submission}))

    def said(self, word: str) -> list[Any]:
        return [about for each, about in self.store.journal if each == word]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.catalogue.refresh()
    async with desk.announcer.running(), desk.acceptance.running():
        yield desk


async def test_a_submission_becomes_a_job_with_its_input_as_text(desk: Desk) -> None:
    job = await desk.prepared(input={"x": 1, "$y": None})
    assert (job.input, job.queue) == ('{"x":1,"$y":null}', "math")
    assert job.created_at.microsecond % 1000 == 0  # as precise as the database is
    assert desk.store.journal == []


async def test_an_input_that_does_not_fit_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="/input/x"):
        await desk.prepared(input={"x": "1"})
    with pytest.raises(UnknownTask):
        await desk.prepared(task="no.such")


async def test_a_job_is_announced_once_it_is_stored(desk: Desk) -> None:
    job = await desk.prepared()
    await desk.acceptance.store([job])
    await eventually(lambda: desk.said("published"))
    assert [word for word, _ in desk.store.journal] == ["insert", "ring", "published"]
    assert [hint.event for hint in desk.hints.told] == ["job.queued"]


async def test_a_job_whose_lane_is_free_is_stored_as_its_holder_and_rung_for(desk: Desk) -> None:
    free, busy = await desk.prepared(key="free"), await desk.prepared(key="busy")
    desk.lanes.may_come_in = {free.id}
    first, second = await desk.acceptance.store_new([free, busy])
    assert (first.status, first.lane, first.turn) == (Status.QUEUED, None, 1)
    assert second == busy
    await eventually(lambda: desk.said("ring"))
    assert desk.said("ring") == [[free.id]]
    assert [job.id for job in desk.lined_up] == [busy.id]


async def test_a_job_that_is_stored_already_is_not_let_in(desk: Desk) -> None:
    job = await desk.prepared(key="free")
    desk.lanes.may_come_in = {job.id}
    await desk.acceptance.store([job])
    assert [each.id for each in desk.lined_up] == [job.id]


async def test_jobs_that_come_at_the_same_time_share_a_write_and_a_bell(desk: Desk) -> None:
    jobs = [await desk.prepared() for _ in range(50)]
    await asyncio.gather(*(desk.acceptance.store([job]) for job in jobs))
    ids = [job.id for job in jobs]
    await eventually(lambda: desk.said("ring"))
    assert desk.said("insert") == [ids]
    assert desk.said("ring") == [ids]


async def test_a_job_whose_time_has_not_come_is_stored_and_not_rung_for(desk: Desk) -> None:
    later = await desk.prepared(delay_s=0.5)
    now = await desk.prepared()
    await desk.acceptance.store([later, now])
    await eventually(lambda: desk.said("ring"))
    assert desk.said("ring") == [[now.id]]
    assert {hint.event for hint in desk.hints.told} == {"job.waiting", "job.queued"}
    assert desk.hints.due == [timedelta(seconds=0.5)]  # the keeper may sleep for longer


async def test_for_a_queue_that_is_held_only_the_keeper_rings(desk: Desk) -> None:
    desk.held = {"math"}
    held, other = await desk.prepared(), await desk.prepared(queue="other")
    await desk.acceptance.store([held, other])
    await eventually(lambda: desk.said("ring"))
    assert desk.said("ring") == [[other.id]]
    assert {hint.job_id for hint in desk.hints.told} == {held.id, other.id}


async def test_each_queue_has_bells_of_its_own(desk: Desk) -> None:
    jobs = [await desk.prepared(queue=queue) for queue in ("a", "b", "a")]
    await desk.acceptance.store(jobs)
    await eventually(lambda: len(desk.said("ring")) == 2)
    assert desk.said("ring") == [[jobs[0].id, jobs[2].id], [jobs[1].id]]


async def test_a_job_that_could_not_be_stored_is_not_announced_and_its_client_is_told(
    desk: Desk,
) -> None:
    desk.store.outage.calls = 1
    with pytest.raises(StoreUnavailable):
        await desk.acceptance.store([await desk.prepared()])
    await desk.acceptance.store([later := await desk.prepared()])
    await eventually(lambda: desk.said("ring"))
    assert desk.said("ring") == [[later.id]]


@pytest.mark.parametrize("answer", [Rung.RETURNED, Rung.UNKNOWN])
async def test_a_bell_that_was_not_confirmed_is_left_to_the_keeper(
    desk: Desk, answer: Rung
) -> None:
    desk.ringer.answer = answer
    await desk.acceptance.store([await desk.prepared()])
    await eventually(lambda: desk.said("ring"))
    desk.ringer.answer = Rung.CONFIRMED
    await desk.acceptance.store([good := await desk.prepared()])
    await eventually(lambda: desk.said("published"))
    assert desk.said("published") == [[good.id]]


async def test_without_a_broker_jobs_are_stored_and_nobody_rings(desk: Desk) -> None:
    link: Any = desk.ringer.link
    link.up = False
    await desk.acceptance.store([await desk.prepared()])
    assert [word for word, _ in desk.store.journal] == ["insert"]


async def test_while_the_database_is_away_confirmed_bells_disturb_nothing(desk: Desk) -> None:
    await desk.acceptance.store([await desk.prepared()])
    desk.store.outage.calls = 1
    await eventually(lambda: desk.said("published"))
    await desk.acceptance.store([await desk.prepared()])
    await eventually(lambda: len(desk.said("published")) == 2)


async def test_what_is_stored_holds_text_and_no_data_of_the_client_as_keys(desk: Desk) -> None:
    stored: list[dict[str, Any]] = []

    async def keep(documents: Any) -> set[str]:
        stored.extend(bson.decode(each.raw) for each in documents)
        return set()

    desk.inserts.insert = keep  # type: ignore[method-assign]
    await desk.acceptance.store([a_job(input='{"$where":1}', metadata='{"a.b":2}')])
    [document] = stored
    assert (document["input"], document["metadata"]) == ('{"$where":1}', '{"a.b":2}')
