"""How long recovery takes: docs/recovery.md has these numbers, this is where they come from."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from deploy.local.proxy import Proxy
from deploy.local.replica_set import Member, ReplicaSet, open_replica_set
from deploy.local.stack import Stack, clean_environment
from tests.eventually import eventually
from tests.faults.breaking import ALARM, MEMORY
from tests.faults.cluster import Cluster, children, open_cluster, send
from tests.faults.ledger import Execution
from tests.faults.measured import Report, Stopwatch, p99

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LEASE_S = 5


async def test_the_jobs_of_a_killed_process_run_elsewhere_within_a_second(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    environment = {"WARREN_PROCESSES": "2", "WARREN_SLOTS": "100"}
    async with open_cluster(stack, own_name, tmp_path, environment=environment) as cluster:
        running = await _running(cluster, 12, seconds=4)
        victim = running[0].worker
        theirs = {run.job for run in running if run.worker == victim}
        killed = time.monotonic()
        with cluster.ledger.fault("process-killed", pids=[victim]):
            send([victim], signal.SIGKILL)
        again = await _again(cluster, theirs)
        verdict = await cluster.verdict()

    report(f"process killed -> its {len(theirs)} jobs run elsewhere: {again - killed:.2f} s")
    assert again - killed < 1
    assert verdict.violations == []


async def test_the_jobs_of_a_lost_machine_run_elsewhere_when_its_lease_ends(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    environment = {"WARREN_LEASE_S": str(LEASE_S), "WARREN_SLOTS": "100"}
    async with open_cluster(
        stack, own_name, tmp_path, workers=2, environment=environment
    ) as cluster:
        running = await _running(cluster, 12, seconds=12)
        lost = cluster.workers[0]
        machine = [lost.pid, *children(lost.pid)]
        theirs = {run.job for run in running if run.worker in machine}
        began = time.monotonic()
        with cluster.ledger.fault("machine-lost", pids=machine):
            send(machine, signal.SIGSTOP)
            again = await _again(cluster, theirs)
            send(machine, signal.SIGCONT)  # it comes back, and may change nothing
        verdict = await cluster.verdict()

    took = again - began
    report(f"machine lost (lease {LEASE_S} s) -> its {len(theirs)} jobs elsewhere: {took:.2f} s")
    assert theirs
    assert took < LEASE_S + 2
    assert verdict.violations == []


async def test_bells_are_delivered_soon_after_the_broker_is_back(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    async with open_cluster(stack, own_name, tmp_path) as cluster:
        with cluster.ledger.fault("broker-restarted"):
            await stack.rabbit.stop()
            for number in range(10):
                await cluster.clients.submit(number)
            await asyncio.sleep(3)
            await stack.rabbit.start()
        back = time.monotonic()
        first = await eventually(lambda: _starts(cluster), within=20)
        verdict = await cluster.verdict()

    report(f"broker back -> first delivery: {min(first) - back:.2f} s")
    assert min(first) - back < 2
    assert verdict.violations == []


async def test_without_the_broker_submissions_are_answered_as_fast_as_ever(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    async with open_cluster(stack, own_name, tmp_path) as cluster:
        await _submissions(cluster, 0, 200)  # whatever is slow only once
        normal = await _submissions(cluster, 1000, 400)
        with cluster.ledger.fault("broker-alarm"):
            await stack.rabbit.ctl(*ALARM)
            alarmed = await _submissions(cluster, 2000, 400)
            await stack.rabbit.ctl(*MEMORY)
        await cluster.at_rest(within=60)
        with cluster.ledger.fault("broker-restarted"):
            await stack.rabbit.stop()
            alone = await _submissions(cluster, 3000, 400)
            await stack.rabbit.start()
        verdict = await cluster.verdict()

    told = ", ".join(
        f"{what} {1000 * p99(took):.0f} ms"
        for what, took in (("normally", normal), ("in alarm", alarmed), ("down", alone))
    )
    report(f"p99 of submissions, broker {told}")
    assert p99(alarmed) < 2 * max(p99(normal), 0.02)
    assert p99(alone) < 2 * max(p99(normal), 0.02)
    assert verdict.violations == []


@pytest.mark.long
async def test_a_peer_that_is_gone_without_a_word_is_noticed(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    async with open_cluster(stack, own_name, tmp_path) as cluster:
        wires = [cluster.wires.gateway_broker, cluster.wires.worker_broker]
        wanted = [wire.connections + wire.open_now for wire in wires]
        since = Stopwatch()
        with cluster.ledger.fault("broker-half-open"):
            for wire in wires:
                wire.swallow()
            await asyncio.sleep(12)  # longer than any connection is silent
            for wire in wires:
                await wire.heal()
            for wire, connections in zip(wires, wanted, strict=True):
                await eventually(partial(_has_had, wire, connections), within=40)
                report(f"AMQP peer gone without a word -> connected anew: {since():.1f} s")
        await cluster.clients.submit(1)
        verdict = await cluster.verdict()
    assert since() < 45
    assert verdict.violations == []


@pytest.fixture
async def members(stack: Stack, tmp_path: Path) -> AsyncIterator[ReplicaSet]:
    """A replica set with MongoDB's own election timeout."""
    environment = clean_environment(os.environ, stack.mark)
    async with open_replica_set(tmp_path / "members", environment=environment) as members:
        yield members


@pytest.mark.long
@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_lost_primary_costs_seconds_and_no_lease(
    how: str, members: ReplicaSet, stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    lose: Callable[[], Awaitable[Member]] = (
        members.kill_primary if how == "killed" else members.freeze_primary
    )
    async with open_cluster(stack, own_name, tmp_path, members=members) as cluster:
        await _running(cluster, 6, seconds=40)
        with cluster.ledger.fault(f"primary-{how}", everyone=True):
            await lose()
            since = Stopwatch()
            await cluster.clients.submit(100)
            first_write = since()
            await members.whole()
        verdict = await cluster.verdict(within=90)

    report(f"primary {how} -> first write: {first_write:.1f} s; {verdict}")
    assert first_write < 13
    assert verdict.repeats == []
    assert verdict.violations == []


def _has_had(wire: Proxy, connections: int) -> bool:
    return wire.connections >= connections


async def _running(cluster: Cluster, count: int, *, seconds: float) -> list[Execution]:
    for number in range(count):
        await cluster.clients.submit(number, seconds=seconds)

    def running() -> list[Execution]:
        runs = [runs[-1] for runs in cluster.ledger.executions().values()]
        return runs if len(runs) == count else []

    return await eventually(running, within=20)


async def _again(cluster: Cluster, jobs: set[str]) -> float:
    """Return when the last of these jobs began for the second time."""

    def again() -> list[float]:
        seconds = [
            runs[1].began
            for job, runs in cluster.ledger.executions().items()
            if job in jobs and len(runs) > 1
        ]
        return seconds if len(seconds) == len(jobs) else []

    return max(await eventually(again, within=40))


def _starts(cluster: Cluster) -> list[float]:
    return [run.began for runs in cluster.ledger.executions().values() for run in runs]


async def _submissions(cluster: Cluster, first: int, count: int) -> list[float]:
    """Submit with four clients; return how long each answer took."""
    numbers = iter(range(first, first + count))
    took: list[float] = []

    async def submit_some() -> None:
        for number in numbers:
            since = Stopwatch()
            await cluster.clients.submit(number, seconds=0)
            took.append(since())

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(submit_some())
    return took
