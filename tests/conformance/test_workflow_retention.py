"""Workflows leave the history as a whole: nodes, jobs, graphs; nothing of them goes before."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.errors import Forgotten, NotFound
from shared.contracts.ids import new_id
from shared.infrastructure.collections import GRAPHS, JOBS, NODES
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.retention import Retention
from shared.infrastructure.workflow.overview import Overview
from shared.infrastructure.workflow.retention import WorkflowRetention
from tests.conformance.play import Play
from tests.conformance.profiling import profiled
from tests.conformance.store import Store

NO_TIME = timedelta(0)
DAY = timedelta(days=1)
NODES_AND_LIST = {
    "a": {"task": "one"},
    "each": {"task": "inc", "foreach": [1, 2], "input": {"x": {"$item": ""}}, "after": ["a"]},
}


@pytest.fixture
def play(store: Store) -> Play:
    return Play(store.database, {"one": lambda _: 1, "inc": lambda given: given["x"] + 1})


@pytest.fixture
def retention(store: Store) -> WorkflowRetention:
    return WorkflowRetention(store.database)


async def test_all_of_an_old_workflow_goes_at_once(
    store: Store, play: Play, retention: WorkflowRetention
) -> None:
    await play.submit(nodes=NODES_AND_LIST)
    await play.run()
    await store.jobs.update_many({}, {"$unset": {"unsettled": ""}})
    [job, *_] = await store.jobs.find({}).to_list(None)
    assert await retention.forget(DAY) == 0
    assert await retention.forget(NO_TIME) == 1
    for name in (GRAPHS, NODES, JOBS):
        assert await store.database[name].count_documents({}) == 0
    with pytest.raises(Forgotten, match=f"workflow {play.id} has ended"):
        await Overview(store.database).workflow(play.id)
    with pytest.raises(Forgotten):
        await JobReads(store.database).get(job["_id"])
    with pytest.raises(NotFound, match="there is no workflow"):
        await Overview(store.database).standing(new_id(datetime.now(UTC)))


async def test_nothing_goes_while_something_of_it_goes_on(
    store: Store, play: Play, retention: WorkflowRetention
) -> None:
    await play.submit(nodes=NODES_AND_LIST)
    await play.step()
    assert await retention.forget(NO_TIME) == 0
    await play.run()
    assert await retention.forget(NO_TIME) == 0  # its follow-ups are not done
    await store.jobs.update_many({}, {"$unset": {"unsettled": ""}})
    assert await retention.forget(NO_TIME) == 1


async def test_jobs_of_workflows_do_not_go_one_by_one(store: Store, play: Play) -> None:
    await play.submit(nodes=NODES_AND_LIST)
    await play.run()
    await store.jobs.update_many({}, {"$unset": {"unsettled": ""}})
    jobs = Retention(store.database)
    assert await jobs.ended_before(NO_TIME, since=None) == []
    found = await store.jobs.find({}).to_list(None)
    assert await jobs.forget([each["_id"] for each in found]) == 0


async def test_what_was_removed_by_half_is_removed_by_the_next(
    store: Store, play: Play, retention: WorkflowRetention
) -> None:
    await play.submit(nodes=NODES_AND_LIST)
    await play.run()
    graphs = store.database[GRAPHS]
    await graphs.update_one({"_id": play.id}, {"$set": {"forgotten": True}})
    await store.jobs.delete_many({"element": 0})
    assert await retention.forget(NO_TIME) == 1
    assert await store.jobs.count_documents({}) == 0


async def test_old_workflows_are_found_by_an_index(
    store: Store, play: Play, retention: WorkflowRetention
) -> None:
    await play.submit(nodes={"a": {"task": "one"}})
    async with profiled(store.database, GRAPHS) as seen:
        await retention.forget(DAY)
    assert [each["planSummary"] for each in seen] == ["IXSCAN { finished_at: 1 }"]
