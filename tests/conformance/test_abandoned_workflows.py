"""Workflows whose gateway or worker died in between: the keeper takes them up, or away."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from shared.contracts.errors import StoreUnavailable
from shared.infrastructure.collections import GRAPHS, JOBS, NODES
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.planting import Planting
from shared.infrastructure.workflow.progress import Runnable
from tests.conformance.play import Play, succeeded
from tests.conformance.store import Store
from tests.fakes.broker import FakeHints
from worker.keeper.graphs import TOO_OLD, Abandoned
from worker.keeper.unsettled import Unsettled

CHAIN = {
    "a": {"task": "t.one"},
    "b": {"task": "t.double", "input": {"number": {"$from": "a"}}},
}
DOES = {"t.one": lambda _: 1, "t.double": lambda given: 2 * given["number"]}


@pytest.fixture
def play(store: Store) -> Play:
    return Play(store.database, DOES)


class Keeper:
    """The loops that matter here, over a real store."""

    def __init__(self, store: Store) -> None:
        self.rung: list[str] = []
        hints = cast(HintSender, FakeHints())
        self.follow_ups = FollowUps(store.database, hints, self._ring)
        self.unsettled = Unsettled(JobRescue(store.database), self.follow_ups, hints)
        self.abandoned = Abandoned(Graphs(store.database), self.follow_ups)

    async def _ring(self, jobs: Sequence[Runnable]) -> None:
        self.rung += [job.id for job in jobs]


async def test_a_workflow_goes_on_though_the_worker_died_after_an_end(
    play: Play, store: Store
) -> None:
    keeper = Keeper(store)
    await play.submit(nodes=CHAIN)
    [first] = play.runnable
    ended = await play.step(and_then_die=True)
    assert ended.unsettled
    assert await keeper.unsettled.step() == 0  # it is its owner's turn still
    await keeper.unsettled.settle_those([first])
    assert not (await play.job(first)).unsettled
    play.runnable = keeper.rung
    await play.run()
    assert succeeded(await play.statuses())
    assert await play.result() == 2


async def test_a_workflow_that_was_stored_and_not_begun_is_begun(play: Play, store: Store) -> None:
    keeper = Keeper(store)
    await play.submit(nodes=CHAIN, begin=False)
    assert await keeper.abandoned.begin() == 0  # whoever stored it may be about to
    assert await keeper.abandoned.begin() == 1
    assert await keeper.abandoned.begin() == 0
    play.runnable = keeper.rung
    await play.run()
    assert succeeded(await play.statuses())


async def test_jobs_that_were_not_stored_before_a_gateway_died_are_stored_from_their_nodes(
    play: Play, store: Store
) -> None:
    keeper = Keeper(store)
    await play.submit(nodes={**CHAIN, "c": {"task": "t.one"}}, begin=False)
    first = set(play.runnable)
    [stored, lost] = sorted(first)
    await store.database[JOBS].delete_one({"_id": lost})
    assert await keeper.abandoned.begin() + await keeper.abandoned.begin() == 1
    assert set(keeper.rung) == {stored, lost}
    play.runnable = keeper.rung
    await play.run()
    assert succeeded(await play.statuses())
    assert [path for path, _ in play.ran if path != "b"] in (["a", "c"], ["c", "a"])


async def test_nothing_of_a_workflow_may_run_before_all_of_it_counts(
    play: Play, store: Store
) -> None:
    plan = play.plan(nodes=CHAIN)
    await store.database[GRAPHS].insert_one({"_id": play.id, "swept": True})
    with pytest.raises(StoreUnavailable, match="submit it again"):
        await Planting(store.database).store(plan)
    jobs = await store.database[JOBS].find({}, {"node": 1, "status": 1}).to_list(None)
    assert [(job["node"], job["status"]) for job in jobs] == [("b", "waiting")]


async def test_a_workflow_that_was_not_stored_whole_is_removed(play: Play, store: Store) -> None:
    keeper = Keeper(store)
    plan = play.plan(nodes=CHAIN, at_once=False)
    planting = Planting(store.database)
    await planting.store(plan)
    long_ago = datetime.now(UTC) - TOO_OLD - timedelta(minutes=1)
    await store.database[GRAPHS].update_one(
        {"_id": play.id}, {"$set": {"created_at": long_ago}, "$unset": {"planted": ""}}
    )
    assert await keeper.abandoned.begin() + await keeper.abandoned.begin() == 0
    assert await keeper.abandoned.sweep() == 1
    for collection in (GRAPHS, NODES, JOBS):
        assert await store.database[collection].count_documents({}) == 0
    assert await keeper.abandoned.sweep() == 0


async def test_whoever_stores_a_workflow_learns_that_it_was_swept(play: Play, store: Store) -> None:
    plan = play.plan(nodes=CHAIN, at_once=False)
    planting = Planting(store.database)
    await planting.store(plan)
    await store.database[GRAPHS].update_one({"_id": play.id}, {"$set": {"swept": True}})
    with pytest.raises(StoreUnavailable, match="submit it again"):
        await planting.store(plan)
