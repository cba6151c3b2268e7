"""How long recovery takes: docs/recovery.md has these numbers, this is where they come from."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from deploy.local.proxy import Proxy
from deploy.local.replica_set import Member, ReplicaSet, open_replica_set
from deploy.local.stack import Stack, clean_environment
from deploy.local.together import together
from tests.eventually import eventually
from tests.faults.breaking import ALARM, MEMORY
from tests.faults.cluster import LEASE_S, Cluster, open_cluster, send
from tests.faults.ledger import Execution
from tests.faults.measured import Report, Stopwatch, p99, strain

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_the_jobs_of_a_killed_process_run_elsewhere_within_a_second(
    cluster: Cluster, report: Report
) -> None:
    running = await _running(cluster, 12, seconds=4)
    victim = running[0].worker
    theirs = {run.job for run in running if run.worker == victim}
    killed = time.monotonic()
    with cluster.ledger.fault("process-killed", pids=[victim]):
        send([victim], signal.SIGKILL)
    took = await _again(cluster, theirs) - killed
    slower = await strain()
    verdict = await cluster.verdict()

    told = f"{took:.2f} s, {_strained(slower)}"
    report(f"process killed -> its {len(theirs)} jobs run elsewhere: {told}")
    assert took < 1 * slower
    assert verdict.violations == []


@pytest.mark.parametrize("how", ["SIGKILL", pytest.param("SIGSTOP", marks=pytest.mark.long)])
async def test_the_jobs_of_a_lost_machine_run_elsewhere_when_its_lease_ends(
    how: str, cluster: Cluster, report: Report
) -> None:
    """Killed, it also closes its connections; frozen, it keeps them, and later wakes up."""
    running = await _running(cluster, 12, seconds=LEASE_S + 4)
    lost = next(w for w in cluster.workers if running[0].worker in cluster.processes(w))
    machine = [lost.pid, *cluster.processes(lost)]
    theirs = {run.job for run in running if run.worker in machine}
    began = time.monotonic()
    with cluster.ledger.fault("machine-lost", pids=machine):
        send(machine, signal.Signals[how])
        took = await _again(cluster, theirs) - began
        send(machine, signal.SIGCONT)  # it comes back, and may change nothing
    slower = await strain()
    verdict = await cluster.verdict()

    told = f"{took:.2f} s, {_strained(slower)}"
    report(f"machine lost, {how}, lease {LEASE_S} s -> {len(theirs)} jobs elsewhere: {told}")
    assert took < LEASE_S + 2 * slower
    assert verdict.violations == []


async def test_without_the_broker_submissions_are_answered_as_fast_as_ever(
    cluster: Cluster, report: Report
) -> None:
    await _submissions(cluster, 0, 200)  # whatever is slow only once
    normal = await _submissions(cluster, 1000, 300)
    rabbit = cluster.stack.rabbit
    with cluster.ledger.fault("broker-alarm"):
        await rabbit.ctl(*ALARM)
        alarmed = await _submissions(cluster, 2000, 300)
        await rabbit.ctl(*MEMORY)
    await cluster.at_rest(within=60)
    with cluster.ledger.fault("broker-restarted"):
        await rabbit.stop()
        alone = await _submissions(cluster, 3000, 300)
        ran_before = _starts(cluster)
        await rabbit.start()
    back = time.monotonic()
    first = min(await eventually(lambda: _starts(cluster) - ran_before, within=30)) - back
    slower = await strain()
    await cluster.at_rest(within=60)
    normal += await _submissions(cluster, 4000, 300)  # a shared machine changes meanwhile
    verdict = await cluster.verdict()

    told = ", ".join(
        f"{what} {1000 * p99(took):.0f} ms"
        for what, took in (("normally", normal), ("in alarm", alarmed), ("down", alone))
    )
    report(f"p99 of submissions, broker {told}")
    report(f"broker back -> first delivery: {first:.2f} s, {_strained(slower)}")
    assert p99(alarmed) < 2 * max(p99(normal), 0.02)
    assert p99(alone) < 2 * max(p99(normal), 0.02)
    assert first < 2 * slower
    assert verdict.violations == []


@pytest.mark.long
@pytest.mark.parametrize("how", ["purged", "deleted", "wiped"])
async def test_bells_that_the_broker_lost_are_rung_again(
    how: str, cluster: Cluster, report: Report
) -> None:
    """All jobs are queued and rung, no worker is there; then the broker loses the bells."""
    await _submissions(cluster, 0, 1)
    await cluster.at_rest(within=30)
    for worker in cluster.workers:
        await worker.stop()
    await _submissions(cluster, 1, 300)
    rung = {"status": "queued", "published": True}

    async def all_rung() -> bool:
        return await cluster.database.jobs.count_documents(rung) == 300

    await eventually(all_rung, within=10)
    rabbit = cluster.stack.rabbit
    with cluster.ledger.fault(f"bells {how}"):
        if how == "wiped":
            await rabbit.wipe()
        else:
            await rabbit.ctl(f"{how.removesuffix('d')}_queue", cluster.queue)
    ran_before, since = len(_starts(cluster)), Stopwatch()
    await together(*(worker.start() for worker in cluster.workers))
    await eventually(lambda: len(_starts(cluster)) >= ran_before + 300, within=60)
    took, slower = since(), await strain()
    verdict = await cluster.verdict()

    report(f"300 bells {how} -> all jobs have begun: {took:.1f} s after the start of workers")
    assert took < 40 * slower
    assert verdict.repeats == []
    assert verdict.violations == []


@pytest.mark.long
async def test_a_peer_that_is_gone_without_a_word_is_noticed(
    cluster: Cluster, report: Report
) -> None:
    """Heartbeats every 10 s: two that stay away end a connection."""
    wires = {"gateway": cluster.wires.gateway_broker, "worker": cluster.wires.worker_broker}
    wanted = {side: wire.connections + wire.open_now for side, wire in wires.items()}
    since = Stopwatch()
    with cluster.ledger.fault("broker-half-open"):
        for wire in wires.values():
            wire.swallow()
        await asyncio.sleep(12)  # longer than any connection is silent
        for wire in wires.values():
            await wire.heal()
        for side, wire in wires.items():
            await eventually(partial(_has_had, wire, wanted[side]), within=40)
            report(f"AMQP peer of the {side} gone without a word -> another: {since():.1f} s")
    took, slower = since(), await strain()
    await cluster.clients.submit(1)
    verdict = await cluster.verdict()
    assert took < 40 * slower
    assert verdict.violations == []


@pytest.fixture
async def members(stack: Stack, tmp_path: Path) -> AsyncIterator[ReplicaSet]:
    """A replica set with the recommended settings."""
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
            first_write, slower = await _first_write(cluster), await strain()
            await members.whole()
        verdict = await cluster.verdict(within=90)

    told = f"{first_write:.1f} s, {_strained(slower)}"
    report(f"primary {how} -> first write: {told}; {verdict}")
    assert first_write < 13 * slower
    assert verdict.repeats == []
    assert verdict.violations == []


async def _first_write(cluster: Cluster) -> float:
    """Return how long it takes until somebody is told 202, with a new client twice a second."""
    since = Stopwatch()
    waiting: set[asyncio.Task[str]] = set()
    numbers = count(1000)
    while not any(each.done() for each in waiting):
        waiting.add(asyncio.create_task(cluster.clients.submit(next(numbers))))
        await asyncio.wait(waiting, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
    took = since()
    await asyncio.gather(*waiting)
    return took


def _strained(slower: float) -> str:
    return f"on a machine that was {slower:.1f} times slower than alone"


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


def _starts(cluster: Cluster) -> set[float]:
    return {run.began for runs in cluster.ledger.executions().values() for run in runs}


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
