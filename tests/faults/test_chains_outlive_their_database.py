"""MongoDB dies in the middle of chains, whose steps do not wait for its disk."""

import asyncio
from typing import Any

import pytest

from tests.eventually import eventually
from tests.faults.cluster import Cluster
from tests.faults.measured import Report

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CHAINS, LINKS, DEATHS = 4, 150, 3


async def test_chains_go_on_in_order_though_mongodb_is_killed(
    cluster: Cluster, report: Report
) -> None:
    """Each job ends once, with what the one before it gave, and none is run without a reason."""
    workflows = [await _submit(cluster, number) for number in range(CHAINS)]
    for death in range(1, DEATHS + 1):
        await _has_come_to(cluster, death * CHAINS * LINKS // (DEATHS + 1))
        with cluster.ledger.fault("mongodb killed", everyone=True):
            await cluster.stack.mongo.kill()
            await cluster.stack.mongo.start()
    verdict = await cluster.verdict(within=90)
    report(f"{CHAINS} chains of {LINKS}, MongoDB killed {DEATHS} times: {verdict}")
    assert verdict.violations == []
    for workflow_id, numbers in workflows:
        await _is_right(cluster, workflow_id, numbers)


async def _submit(cluster: Cluster, chain: int) -> tuple[str, list[int]]:
    numbers = list(range(chain * LINKS, (chain + 1) * LINKS))
    cluster.ledger.offered.update(numbers)
    names = [f"n{number}" for number in numbers]
    given = {"ledger": str(cluster.ledger.lines), "seconds": 0, "fails": False}
    nodes: dict[str, Any] = {}
    for before, name, number in zip([None, *names], names, numbers, strict=False):
        parents = [] if before is None else [{"$from": before}]
        nodes[name] = {"task": "fault.step", "input": {**given, "number": number, "given": parents}}
    key = f"{cluster.ledger.lines.parent.name}-{chain}"
    answer = await cluster.clients.ask("/v1/workflows", {"nodes": nodes}, key=key)
    return answer["id"], numbers


async def _has_come_to(cluster: Cluster, jobs: int) -> None:
    async def came() -> bool:
        await asyncio.sleep(0.01)
        return len(cluster.ledger.executions()) >= jobs

    await eventually(came, within=60)


async def _is_right(cluster: Cluster, workflow_id: str, numbers: list[int]) -> None:
    async def ended() -> bool:
        graph = await cluster.database.graphs.find_one({"_id": workflow_id})
        return graph is not None and graph["status"] == "succeeded"

    await eventually(ended, within=30)
    runs = cluster.ledger.executions()
    jobs = (
        await cluster.database.jobs.find({"workflow_id": workflow_id}).sort("_id", 1).to_list(None)
    )
    began = [runs[job["_id"]][-1].began for job in jobs]
    assert len(jobs) == len(numbers)
    assert began == sorted(began)
