"""`Prefer: wait=N`: read leniently, bounded by a setting, ended by the job or by the caller."""

import asyncio

import pytest

from api.hub import Hub
from api.waiting import applied, wait_for_end, wanted_wait
from shared.contracts.errors import NotFound
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.contracts.moves import Status
from tests.builders import a_job, a_job_in, a_running_job
from tests.eventually import eventually
from tests.fakes.store import FakeReads, FakeStore
from tests.unit.api.requests import a_request


def wanted(prefer: str) -> float | None:
    return wanted_wait(a_request("GET", headers={"Prefer": prefer}), most=60)


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5),
        ("wait=0", 0),
        ("Wait = 5", 5),
        ('wait="5"', 5),
        ("respond-async, wait=10", 10),
        ("wait=10;x=y", 10),
        ("respond-async; wait=10", 10),
        ("wait=100", 60),
        ("wait=999999", 60),
    ],
)
def test_a_wait_is_found_and_bounded(prefer: str, seconds: float) -> None:
    assert wanted(prefer) == seconds


@pytest.mark.parametrize(
    "prefer", ["", "wait", "wait=", "wait=-1", "wait=1.5", "wait=x", "await=5", "respond-async"]
)
def test_anything_else_is_no_wait(prefer: str) -> None:
    assert wanted(prefer) is None


def test_several_lines_of_the_header_are_one_list() -> None:
    request = a_request("GET")
    lines = [(b"prefer", b"wait=7"), (b"prefer", b"respond-async")]
    request.scope["headers"] = lines
    assert wanted_wait(request, most=60) == 7
    request = a_request("GET")
    request.scope["headers"] = lines[::-1]
    assert wanted_wait(request, most=60) == 7


def test_without_the_header_nobody_waits() -> None:
    assert wanted_wait(a_request("GET"), most=60) is None


def test_the_answer_says_how_long_was_waited() -> None:
    assert applied(60.0) == {"Preference-Applied": "wait=60"}
    assert applied(1.5) == {"Preference-Applied": "wait=1.5"}


class World:
    """A hub at work over a store in memory."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.hub = Hub(FakeReads(self.store))

    def becomes(self, job: Job) -> None:
        """Let a job change, and a hint tell of it."""
        self.store.put(job)
        self.hub.on_hints([hint_of(job)])


@pytest.fixture
def world() -> World:
    return World()


async def test_a_job_that_has_ended_is_not_waited_for(world: World) -> None:
    job = a_job_in(Status.SUCCEEDED)
    world.store.put(job)
    async with asyncio.timeout(1):
        assert await wait_for_end(world.hub, a_request("GET"), job.id, 60) == job


async def test_the_wait_ends_with_the_job(world: World) -> None:
    job = a_running_job()
    world.store.put(job)
    running = asyncio.create_task(world.hub.run())
    waiting = asyncio.create_task(wait_for_end(world.hub, a_request("GET"), job.id, 60))
    await eventually(lambda: world.store.journal)
    ended = a_job_in(Status.SUCCEEDED, id=job.id, result="1")
    world.becomes(ended)
    async with asyncio.timeout(5):
        assert await waiting == ended
    running.cancel()


async def test_after_the_wait_the_job_is_shown_as_it_is(world: World) -> None:
    job = a_running_job()
    world.store.put(job)
    assert await wait_for_end(world.hub, a_request("GET"), job.id, 0.01) == job


async def test_a_caller_that_leaves_is_not_waited_for(world: World) -> None:
    job = a_running_job()
    world.store.put(job)
    async with asyncio.timeout(5):
        await wait_for_end(world.hub, a_request("GET", leaves=True), job.id, 60)


async def test_a_job_that_does_not_exist_is_not_waited_for(world: World) -> None:
    with pytest.raises(NotFound):
        await wait_for_end(world.hub, a_request("GET"), a_job().id, 60)
