"""A process dies exactly between two steps of a job's path: before and after each of them."""

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from itertools import count

import pytest

from tests.eventually import eventually
from tests.faults.cluster import Cluster
from tests.faults.crashes import NAMES
from tests.faults.measured import Report

pytestmark = pytest.mark.slow


@pytest.mark.timeout(180)
async def test_a_crash_at_some_steps_loses_nothing(cluster: Cluster, report: Report) -> None:
    await _crash(cluster, random.sample(NAMES, 4), report)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_crash_at_any_step_loses_nothing(cluster: Cluster, report: Report) -> None:
    await _crash(cluster, random.sample(NAMES * 4, 4 * len(NAMES)), report)


async def _crash(cluster: Cluster, names: Sequence[str], report: Report) -> None:
    numbers = count()
    async with cluster.kept_up():
        for name in names:
            with cluster.ledger.fault(f"crash {name}", everyone=True):
                cluster.crashes.arm(name)
                six = [cluster.clients.submit(next(numbers), seconds=0.3) for _ in range(6)]
                await asyncio.gather(*six)
                await eventually(partial(cluster.crashes.reached, name), within=20)
        verdict = await cluster.verdict(within=60)
    report(f"crashes {', '.join(names[:12])}: {verdict}")
    assert verdict.violations == []
