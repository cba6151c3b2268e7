"""Small, pointed faults, each of which a certain bug would not survive.

A scenario returns what is wrong with how the service went through it: nothing, one hopes.
"""

import asyncio
import json
import math
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from deploy.local.proxy import Way
from tests.eventually import eventually
from tests.faults.cluster import LEASE_S, Cluster, send
from tests.faults.ledger import Execution
from tests.faults.measured import Stopwatch
from tests.journeys.watcher import watcher

Findings = list[str]


async def dies_with_a_bell_in_hand(cluster: Cluster) -> Findings:
    """A process dies between hearing of a job and claiming it: another hears of it at once."""
    await cluster.clients.submit(0)
    await cluster.at_rest(within=30)
    with cluster.ledger.fault("before-claim", everyone=True):
        cluster.crashes.arm("before-claim")
        return await _ends_in_time(cluster, 1, within=8)


async def wakes_up_after_its_lease(cluster: Cluster) -> Findings:
    """A frozen process wakes up when its jobs run elsewhere, and has just finished them."""
    for number in range(8):
        await cluster.clients.submit(number, seconds=LEASE_S + 3)
    running = await _running(cluster, 8)
    frozen = running[0].worker
    theirs = {run.job for run in running if run.worker == frozen}
    with cluster.ledger.fault("process-frozen", pids=[frozen]):
        send([frozen], signal.SIGSTOP)
        try:
            await eventually(lambda: _elsewhere(cluster, theirs, frozen), within=30)
            await asyncio.sleep(
                max(0.0, LEASE_S + 3.3 - _age(running))
            )  # all are over when it wakes up
        finally:
            send([frozen], signal.SIGCONT)
    return (await cluster.verdict(within=60)).violations


async def rings_into_the_void(cluster: Cluster) -> Findings:
    """What a gateway sends to the broker arrives nowhere: the keeper rings in its place."""
    await cluster.clients.submit(0)
    await cluster.at_rest(within=30)
    with cluster.ledger.fault("gateway-broker-half-open"):
        cluster.wires.gateway_broker.swallow(Way.UP)
        try:
            return await _ends_in_time(cluster, 1, within=9)
        finally:
            await cluster.wires.gateway_broker.heal()
            cluster.wires.gateway_broker.reset()  # the next one need not wait for heartbeats


async def runs_in_peace(cluster: Cluster) -> Findings:
    """Nothing happens while jobs run for longer than a few rounds of the keeper."""
    for number in range(8):
        await cluster.clients.submit(number, seconds=4)
    return (await cluster.verdict(within=30)).violations


async def loses_every_hint(cluster: Cluster) -> Findings:
    """Somebody watches a job, and no hint ever arrives: its end is told all the same."""
    async with watcher(cluster.gateways[0].websocket_url) as watching:
        await watching.say(type="connection_init")
        job_id = await cluster.clients.submit(0, seconds=2)
        await watching.say(type="subscribe", id="it", job=job_id)
        since = Stopwatch()
        try:
            await watching.hear_until("complete", "it", within=20)
        except TimeoutError:
            return ["a subscriber was not told the end within 20 s"]
        cluster.measured["told without hints"] = since() - 2
    return (await cluster.verdict(within=30)).violations


async def tells_a_join_twice(cluster: Cluster) -> Findings:
    """A process dies when it has told a join of one parent: the join is told again of that one."""
    numbers = {"quick": 1, "slow": 2, "join": 3}
    seconds = {"quick": 0.1, "slow": 6, "join": 0.1}
    with cluster.ledger.fault("after-tell", everyone=True):
        cluster.crashes.arm("after-tell")
        await cluster.clients.submit_workflow(numbers, seconds, after={"join": ["quick", "slow"]})
        await eventually(lambda: cluster.crashes.reached("after-tell"), within=20)
        found = (await cluster.verdict(within=40)).violations
    jobs = {json.loads(j["input"])["number"]: j["_id"] async for j in cluster.database.jobs.find()}
    runs = cluster.ledger.executions()
    slow, join = (runs.get(jobs.get(numbers[name], ""), []) for name in ("slow", "join"))
    if not slow or not join or join[0].began < (slow[-1].ended or math.inf):
        found = [*found, "the join did not begin after its slow parent had ended"]
    return found


async def _ends_in_time(cluster: Cluster, number: int, *, within: float) -> Findings:
    job_id = await cluster.clients.submit(number)
    since = Stopwatch()

    async def ended() -> bool:
        await asyncio.sleep(0.05)
        job = await cluster.clients.look(job_id)
        return bool(job and job["done"])

    try:
        await eventually(ended, within=within)
    except AssertionError:
        return [f"job {job_id} had not run after {within} s"]
    cluster.measured["ended after"] = since()
    return (await cluster.verdict(within=30)).violations


async def _running(cluster: Cluster, count: int) -> list[Execution]:
    def running() -> list[Execution]:
        runs = [runs[-1] for runs in cluster.ledger.executions().values()]
        return runs if len(runs) == count else []

    return await eventually(running, within=20)


def _elsewhere(cluster: Cluster, jobs: set[str], process: int) -> bool:
    executions = cluster.ledger.executions()
    return all(executions[job][-1].worker != process for job in jobs)


def _age(running: list[Execution]) -> float:
    """Return how long ago the last of them began."""
    return asyncio.get_running_loop().time() - max(run.began for run in running)


@dataclass(frozen=True)
class Scenario:
    """What happens, the bug that it would show, and the trouble that is there all the time."""

    play: Callable[[Cluster], Awaitable[Findings]]
    bug: str
    trouble: str | None = None


SCENARIOS = {
    scenario.play.__name__.replace("_", " "): scenario
    for scenario in (
        Scenario(dies_with_a_bell_in_hand, "ack-first"),
        Scenario(wakes_up_after_its_lease, "no-token"),
        Scenario(rings_into_the_void, "confirm-ignored"),
        Scenario(runs_in_peace, "local-clock"),
        Scenario(tells_a_join_twice, "counter-of-parents"),
        Scenario(loses_every_hint, "no-reread", trouble="0:0:hints"),
    )
}
