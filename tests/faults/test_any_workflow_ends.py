"""Random workflows with random failures, cancels and crashes: each comes to the end it must."""

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import pytest

from tests.eventually import eventually
from tests.faults.cluster import Cluster
from tests.faults.crashes import OF_WORKFLOWS
from tests.faults.graphs import WAITS_FOR_ALL, Drawn, draw, values_for
from tests.faults.ledger import Execution
from tests.faults.measured import Report

pytestmark = pytest.mark.slow

_STEPS = [f"{when}-{at}" for at in (*OF_WORKFLOWS, "claim", "end") for when in ("before", "after")]
Document = dict[str, Any]


@pytest.mark.timeout(180)
async def test_any_workflow_ends_as_it_must_whoever_dies(cluster: Cluster, report: Report) -> None:
    await _play(cluster, workflows=12, crashes=random.sample(_STEPS, 2), report=report)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_many_workflows_end_as_they_must_whoever_dies(
    cluster: Cluster, report: Report
) -> None:
    await _play(cluster, workflows=300, crashes=random.sample(_STEPS * 6, 40), report=report)


async def _play(
    cluster: Cluster, *, workflows: int, crashes: Sequence[str], report: Report
) -> None:
    seed = random.randrange(2**32)
    numbers, chance = count(), random.Random(seed)
    graphs = [draw(chance, numbers) for _ in range(workflows)]
    async with cluster.kept_up():
        crashing = asyncio.create_task(_crash(cluster, crashes))
        for drawn in graphs:
            await _submit(cluster, drawn)
            if chance.random() < 0.15:
                await _cancel(cluster, drawn)
        while not crashing.done():  # each crash needs somebody who comes that far
            graphs.append(draw(chance, numbers))
            await _submit(cluster, graphs[-1])
            await asyncio.sleep(0.2)
        await crashing
        verdict = await cluster.verdict(within=60)
    report(f"{len(graphs)} workflows, seed {seed}, crashes {', '.join(crashes[:8])}: {verdict}")
    jobs = {job["_id"]: job async for job in cluster.database.jobs.find()}
    runs = cluster.ledger.executions()
    found = list(verdict.violations)
    for drawn in graphs:
        found += await _faults_of(cluster, drawn, jobs, runs)
    assert found == [], f"seed {seed}"


async def _submit(cluster: Cluster, drawn: Drawn) -> None:
    cluster.ledger.offered.update(drawn.numbers)
    key = f"{cluster.ledger.lines.parent.name}-{min(drawn.numbers)}"
    document = drawn.document(str(cluster.ledger.lines))
    drawn.id = (await cluster.clients.ask("/v1/workflows", document, key=key))["id"]


async def _cancel(cluster: Cluster, drawn: Drawn) -> None:
    await asyncio.sleep(random.uniform(0, 0.3))
    drawn.cancelled = True
    await cluster.clients.ask(f"/v1/workflows/{drawn.id}/cancel")


async def _crash(cluster: Cluster, names: Sequence[str]) -> None:
    for name in names:
        with cluster.ledger.fault(f"crash {name}", everyone=True):
            cluster.crashes.arm(name)
            await eventually(partial(cluster.crashes.reached, name), within=30)


async def _faults_of(
    cluster: Cluster,
    drawn: Drawn,
    jobs: Mapping[str, Document],
    runs: Mapping[str, list[Execution]],
) -> list[str]:
    """Return what is wrong with one workflow that has come to rest."""
    graph = await cluster.database.graphs.find_one({"_id": drawn.id})
    assert graph is not None
    own = {job["node"]: job for job in jobs.values() if job.get("workflow_id") == drawn.id}
    statuses = {name: own[name]["status"] for name in drawn.nodes}
    found = [f"{drawn.id} is {graph['status']}"] if graph["status"] == "running" else []
    if not drawn.cancelled and statuses != drawn.expected():
        found.append(f"{drawn.id} has {statuses}, not {drawn.expected()}")
    found += _hooks_gone_wrong(drawn, graph["status"], own)
    for name, node in drawn.nodes.items():
        job = own[name]
        if node.rule not in WAITS_FOR_ALL:
            continue  # it may run before some of its parents have ended
        if job["status"] == "succeeded":
            given = json.loads(job["result"])["given"]
            if given != values_for(node, drawn, statuses):
                found.append(f"{name} of {drawn.id} was given {given}")
        began = [run.began for run in runs.get(job["_id"], [])[:1]]
        before = [run for p in node.parents for run in runs.get(own[p]["_id"], [])]
        if began and any(run.ended is None or run.ended > began[0] for run in _last_of(before)):
            found.append(f"{name} of {drawn.id} began before its parents had ended")
    return found


def _last_of(runs: Sequence[Execution]) -> list[Execution]:
    """Return the last execution of each job: those before were given up."""
    return list({run.job: run for run in sorted(runs, key=lambda run: run.began)}.values())


def _hooks_gone_wrong(drawn: Drawn, status: str, own: Mapping[str, Document]) -> list[str]:
    expected = {"succeeded": ":on_success", "failed": ":on_failure"}.get(status)
    ran = [name for name in own if name.startswith(":on_")]
    if ran != ([expected] if expected else []):
        return [f"{drawn.id} is {status}, and its hooks were {ran}"]
    return [
        f"{name} of {drawn.id} is {own[name]['status']}"
        for name in ran
        if own[name]["status"] != "succeeded"
    ]
