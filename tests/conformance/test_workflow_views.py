"""What watchers of workflows see, from a real database, though no hint ever comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
import pytest

from api.workflows.following import Following, Told
from api.workflows.showing import Showing
from api.workflows.watching import WatchedWorkflows
from shared.contracts.events import Hint
from shared.contracts.moves import Status
from shared.contracts.pauses import Pause, Paused
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.workflow.awaiting import Awaiting
from shared.infrastructure.workflow.overview import Overview
from tests.builders import NOON
from tests.conformance.play import Play
from tests.conformance.store import Store
from tests.eventually import eventually

DOES = {
    "one": lambda _: 1,
    "inc": lambda given: given["x"] + 1,
    "same": lambda given: given.get("x"),
}
GRAPH: dict[str, Any] = {
    "a": {"task": "one"},
    "each": {"task": "inc", "foreach": [1, 2, 3], "input": {"x": {"$item": ""}}, "after": ["a"]},
    "b": {"task": "same", "input": {"x": {"$from": "each"}}},
}


@pytest.fixture
def play(store: Store) -> Play:
    return Play(store.database, DOES)


@pytest.fixture
def watched(store: Store) -> WatchedWorkflows:
    return WatchedWorkflows(Overview(store.database))


@asynccontextmanager
async def listening(
    store: Store, watched: WatchedWorkflows, workflow_id: str
) -> AsyncIterator[list[Told]]:
    """Collect what is told until the stream ends; it must have ended by the end of the block."""
    told: list[Told] = []
    following = Following(
        watched,
        Showing(store.database),
        JobReads(store.database),
        Awaiting(store.database),
        paused=lambda: Paused(tasks={"same": Pause(at=NOON)}),
    )

    async def listen() -> None:
        async with aclosing(following.changes(workflow_id)) as changes:
            async for each in changes:
                told.append(each)

    async with asyncio.TaskGroup() as group:
        group.create_task(listen())
        await eventually(lambda: told)
        yield told


def ends(told: list[Told]) -> list[str]:
    """Return the nodes whose jobs' ends were told, in order."""
    jobs = [orjson.loads(each.body) for each in told if each.subject == "job"]
    return [job["node"] for job in jobs if job["done"]]


async def test_every_end_is_told_though_every_hint_is_lost(
    store: Store, play: Play, watched: WatchedWorkflows
) -> None:
    await play.submit(nodes=GRAPH)
    async with listening(store, watched, play.id) as told:
        await play.run()
        await watched.look_again()
    assert [told[0].event, told[-1].event] == ["workflow.running", "workflow.succeeded"]
    assert sorted(ends(told)) == ["a", "b", "each/0", "each/1", "each/2"]
    assert orjson.loads(told[-1].body)["result"] == [2, 3, 4]


async def test_what_was_told_is_not_told_again(
    store: Store, play: Play, watched: WatchedWorkflows
) -> None:
    await play.submit(nodes=GRAPH)
    async with listening(store, watched, play.id) as told:
        await play.step()
        await watched.look_again()
        await eventually(lambda: ends(told) == ["a"])
        await play.run()
        watched.on_gap()
    assert sorted(ends(told)) == ["a", "b", "each/0", "each/1", "each/2"]


async def test_a_job_whose_task_is_paused_says_so(
    store: Store, play: Play, watched: WatchedWorkflows
) -> None:
    await play.submit(nodes=GRAPH)
    async with listening(store, watched, play.id) as told:
        held = await store.jobs.find_one({"workflow_id": play.id, "node": "b"})
        assert held is not None
        watched.on_hints([Hint(held["_id"], "job.waiting", "same", "default")])
        await eventually(lambda: len(told) == 2)
        await play.run()
        await watched.look_again()
    gates = {each["gate"]: each for each in orjson.loads(told[1].body)["waiting_for"]}
    assert gates.keys() == {"jobs", "paused"}
    assert gates["paused"]["task"] == "same"


async def test_a_node_tells_of_its_attempts_also_once_it_has_ended(
    store: Store, play: Play
) -> None:
    await play.submit(nodes=GRAPH)
    showing = Showing(store.database)
    nodes = (await showing.view(play.id))["nodes"]
    assert [nodes[path]["attempt"] for path in ("a", "each", "b")] == [None, None, None]
    await play.run()
    nodes = (await showing.view(play.id))["nodes"]
    assert [nodes[path]["attempt"] for path in ("a", "each", "b")] == [1, None, 1]


async def test_ends_come_before_the_end_of_the_whole_however_many_they_are(
    store: Store, play: Play, watched: WatchedWorkflows
) -> None:
    each = {"task": "inc", "foreach": list(range(150)), "input": {"x": {"$item": ""}}}
    await play.submit(nodes={"each": each})
    async with listening(store, watched, play.id) as told:
        await play.run()
        await watched.look_again()
    assert len(ends(told)) == 150
    assert told[-1].event == "workflow.succeeded"


async def test_a_waiting_job_says_for_which_jobs(store: Store, play: Play) -> None:
    nodes = {f"n{i:02}": {"task": "one"} for i in range(25)}
    bounded = {**GRAPH["each"], "max_parallel": 1}
    join = {"task": "same", "after": list(nodes)}
    await play.submit(nodes={**nodes, "join": join, "each": bounded, "a": GRAPH["a"]})
    found = await store.jobs.find({"workflow_id": play.id}).to_list(None)
    ids = {each["node"]: each["_id"] for each in found}
    awaiting = Awaiting(store.database)
    found_out = (await awaiting.of([await play.job(ids["join"])]))[ids["join"]]
    assert (found_out.open, found_out.left_out) == (25, True)
    assert found_out.nodes == tuple(f"n{i:02}" for i in range(20))
    assert found_out.ids == tuple(ids[f"n{i:02}"] for i in range(20))
    assert await awaiting.of([await play.job(ids["a"])]) == {}

    play.runnable = [ids["a"]]
    await play.step()
    elements = await store.jobs.find({"workflow_id": play.id, "element": 2}).to_list(None)
    last = await play.job(elements[0]["_id"])
    assert last.status is Status.WAITING
    assert (await awaiting.of([last]))[last.id].nodes == ("each/0", "each/1")
