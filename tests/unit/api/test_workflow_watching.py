"""Hints reach whoever watches the workflow that they may concern, and nobody else."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest

from api.workflows.watching import WatchedWorkflows, WorkflowWatch
from shared.contracts.events import Hint, shard_key
from shared.contracts.ids import new_id, nth_id
from shared.infrastructure.workflow.overview import Overview
from tests.builders import NOON
from tests.fakes.broker import FakeFeed

WORKFLOW = new_id(NOON)
NODE, OTHER = nth_id(WORKFLOW, 1), nth_id(new_id(NOON + timedelta(seconds=1)), 1)


class FakeOverview(Overview):
    """Knows versions."""

    def __init__(self) -> None:
        self.known = {WORKFLOW: 1}

    async def versions(self, ids: object) -> dict[str, int]:
        return self.known


@pytest.fixture
def overview() -> FakeOverview:
    return FakeOverview()


@pytest.fixture
def watched(overview: FakeOverview) -> WatchedWorkflows:
    return WatchedWorkflows(cast(Overview, overview))


def hint(an_id: str, event: str = "job.running") -> Hint:
    return Hint(an_id, event, "t", "q")


async def has_news(watch: WorkflowWatch) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await watch.wait()
    except TimeoutError:
        return False
    return True


async def test_a_watch_hears_of_the_jobs_of_its_workflow_and_of_itself(
    watched: WatchedWorkflows,
) -> None:
    async with watched.watching(WORKFLOW, jobs=True) as watch:
        watched.on_hints([hint(OTHER)])
        assert not await has_news(watch)
        watched.on_hints([hint(NODE), hint(WORKFLOW, "workflow.failed")])
        assert await has_news(watch)
        assert watch.take() == ({NODE: "job.running"}, True, False)
        assert watch.take() == ({}, False, False)
        assert not await has_news(watch)


async def test_who_waits_for_the_end_only_hears_nothing_of_jobs(watched: WatchedWorkflows) -> None:
    async with watched.watching(WORKFLOW) as watch:
        watched.on_hints([hint(NODE)])
        assert not await has_news(watch)
        watched.on_hints([hint(WORKFLOW, "workflow.succeeded")])
        assert await has_news(watch)


async def test_a_log_line_hides_no_change(watched: WatchedWorkflows) -> None:
    async with watched.watching(WORKFLOW, jobs=True) as watch:
        watched.on_hints([hint(NODE), hint(NODE, "job.log")])
        assert watch.take()[0] == {NODE: "job.running"}


async def test_after_a_gap_everything_is_looked_at(watched: WatchedWorkflows) -> None:
    async with watched.watching(WORKFLOW, jobs=True) as watch:
        watched.on_gap()
        assert await has_news(watch)
        assert watch.take() == ({}, True, True)


async def test_who_waits_looks_again_only_if_the_workflow_has_changed(
    watched: WatchedWorkflows, overview: FakeOverview
) -> None:
    async with watched.watching(WORKFLOW) as watch, watched.watching(WORKFLOW, jobs=True) as live:
        watch.version = live.version = 1
        await watched.look_again()
        assert (await has_news(watch), await has_news(live)) == (False, True)
        overview.known = {WORKFLOW: 2}
        await watched.look_again()
        assert await has_news(watch)


async def test_the_key_of_the_workflow_is_wanted_while_somebody_watches(
    watched: WatchedWorkflows,
) -> None:
    feed = FakeFeed()
    watched.listen_to(feed)
    async with watched.watching(WORKFLOW):
        assert feed.wanted == {shard_key(WORKFLOW): 1}
    assert feed.wanted == {shard_key(WORKFLOW): 0}
    watched.on_hints([hint(NODE)])
    watched.on_gap()
