"""Parts of workflows run again on a real database, also if whoever began that died half-way."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.errors import StoreUnavailable
from shared.contracts.workflow.redo import to_rerun
from shared.infrastructure.workflow.advance import Advance
from shared.infrastructure.workflow.again import Again
from shared.infrastructure.workflow.graph_ends import as_graph, ended_as
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.overview import Overview
from shared.infrastructure.workflow.redoing import Redoing
from tests.conformance.play import Play
from tests.conformance.store import Store
from tests.conformance.trouble import failing


class Works:
    """Tasks of which one fails until it is mended."""

    def __init__(self) -> None:
        self.broken = True

    def does(self) -> dict[str, Callable[[Any], Any]]:
        """Return what the tasks do."""
        return {
            "one": lambda _: 1,
            "inc": lambda given: given["x"] + 1,
            "same": lambda given: given.get("x"),
            "frail": self._frail,
            "odd": self._odd,
        }

    def _frail(self, given: Any) -> Any:
        if self.broken:
            raise ValueError("no")
        return given["x"]

    def _odd(self, given: Any) -> Any:
        if self.broken and given["x"] % 2:
            raise ValueError("odd")
        return given["x"]


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def play(store: Store, works: Works) -> Play:
    return Play(store.database, works.does())


CHAIN: dict[str, Any] = {
    "first": {"task": "one"},
    "frail": {"task": "frail", "input": {"x": {"$from": "first"}}},
    "last": {"task": "inc", "input": {"x": {"$from": "frail"}}},
}
HOOKS: dict[str, Any] = {
    "on_failure": {"task": "same", "input": {"x": {"$error": ""}}},
    "on_success": {"task": "same", "input": {"x": {"$from": ""}}},
}
LIST: dict[str, Any] = {
    "each": {"task": "odd", "foreach": [2, 3, 4, 5, 7], "input": {"x": {"$item": ""}}},
    "sum": {"task": "same", "input": {"x": {"$from": "each"}}},
}


async def retry(play: Play, store: Store) -> None:
    """Note that what failed is to run again, and do it, as often as whoever does so may die."""
    redoing = Redoing(store.database)
    graph = await Overview(store.database).workflow(play.id)
    again = await redoing.to_retry(play.id)
    assert again is not None
    assert await redoing.note(graph, again)
    assert not await redoing.note(graph, again)  # somebody else wanted the same
    for _ in range(2):
        await begin(play)


async def begin(play: Play) -> None:
    """Do what the keeper does with a graph that was not begun."""
    progress = await Advance(play.database).begin_again(play.id)
    play.runnable += [each.id for each in progress.runnable]


def runs(play: Play) -> dict[str, int]:
    """Return how often each job ran."""
    paths = [path for path, _ in play.ran]
    return {path: paths.count(path) for path in paths}


async def test_a_retry_keeps_what_succeeded_and_its_hooks_run_once_more(
    play: Play, works: Works, store: Store
) -> None:
    await play.submit(nodes=CHAIN, **HOOKS)
    await play.run()
    assert (await play.graph())["status"] == "failed"
    works.broken = False
    await retry(play, store)
    await play.run(twice=True)
    assert (await play.graph())["status"] == "succeeded"
    assert await play.result() == 2
    assert runs(play) == {"first": 1, "frail": 2, "last": 1, ":on_failure": 1, ":on_success": 1}


async def test_a_retry_that_fails_again_can_be_retried_again(
    play: Play, works: Works, store: Store
) -> None:
    await play.submit(nodes=CHAIN, **HOOKS)
    await play.run()
    await retry(play, store)
    await play.run(twice=True)
    assert runs(play)[":on_failure"] == 2
    works.broken = False
    await retry(play, store)
    await play.run(twice=True)
    assert (await play.graph())["run"] == 2
    assert await play.result() == 2


async def test_of_a_list_only_the_elements_that_failed_run_again(
    play: Play, works: Works, store: Store
) -> None:
    await play.submit(nodes=LIST)
    await play.run()
    works.broken = False
    await retry(play, store)
    await play.run(twice=True)
    assert await play.result() == [2, 3, 4, 5, 7]
    assert runs(play) == {
        "each/0": 1,
        "each/1": 2,
        "each/2": 1,
        "each/3": 2,
        "each/4": 2,
        "sum": 1,
    }


async def test_not_too_many_elements_run_again_at_once(
    play: Play, works: Works, store: Store
) -> None:
    await play.submit(nodes={**LIST, "each": {**LIST["each"], "max_parallel": 2}})
    await play.run()
    works.broken = False
    await retry(play, store)
    waiting = sorted({(await play.job(each)).node or "" for each in play.runnable})
    assert waiting == ["each/1", "each/3"]
    await play.run(twice=True)
    assert await play.result() == [2, 3, 4, 5, 7]


async def test_a_node_and_all_behind_it_run_again_whatever_came_of_them(
    play: Play, works: Works, store: Store
) -> None:
    works.broken = False
    await play.submit(nodes=CHAIN)
    await play.run()
    await rerun(play, "frail", store)
    await play.run(twice=True)
    assert runs(play) == {"first": 1, "frail": 2, "last": 2}
    assert await play.result() == 2


async def rerun(play: Play, path: str, store: Store) -> None:
    """Run a node again."""
    rows = await Graphs(store.database).nodes_of(play.id)
    [row] = [row for row in rows if row.path == path]
    redo = to_rerun(as_graph(rows), [ended_as(each) for each in rows], row.n)
    graph = await Overview(store.database).workflow(play.id)
    again = Again(nodes=frozenset(redo.reset), forced=row.n)
    assert await Redoing(store.database).note(graph, again)
    await begin(play)


@pytest.mark.parametrize("writes", range(6))
async def test_what_was_begun_and_cut_short_is_finished_by_the_next(
    play: Play, works: Works, store: Store, writes: int
) -> None:
    await play.submit(nodes={**CHAIN, **LIST}, **HOOKS)
    await play.run()
    works.broken = False
    redoing = Redoing(store.database)
    graph = await Overview(store.database).workflow(play.id)
    again = await redoing.to_retry(play.id)
    assert again is not None
    assert await redoing.note(graph, again)
    async with failing(store, command="update", mode={"skip": writes}):
        try:
            await begin(play)
        except StoreUnavailable:
            play.runnable.clear()  # what it would have rung for
    await begin(play)
    waiting = {"status": "queued", "workflow_id": play.id}
    play.runnable = [each["_id"] for each in await store.jobs.find(waiting).to_list(None)]
    await play.run(twice=True)
    assert (await play.graph())["status"] == "succeeded"
    assert await play.result() == {"last": 2, "sum": [2, 3, 4, 5, 7]}
    assert runs(play)["first"] == 1
    assert runs(play)[":on_success"] == 1
