"""Random faults under load: nothing is lost, nothing ends twice, every repeat has its cause."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.faults.cluster import Cluster, open_cluster
from tests.faults.measured import Report
from tests.faults.storm import Storm, submit_through

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("STORM_SEED", random.randrange(1_000_000)))
FRAGILE = {"WARREN_LEASE_S": "5", "WARREN_PROCESSES": "2"}


@pytest.mark.timeout(240)
async def test_a_short_storm_loses_nothing(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    async with open_cluster(stack, own_name, tmp_path, environment=FRAGILE) as cluster:
        storm = Storm(cluster, seed=SEED, faults=8, hands=2, calm=0.5)
        await _weather(cluster, storm, report, jobs=600)


async def _weather(cluster: Cluster, storm: Storm, report: Report, *, jobs: int) -> None:
    await asyncio.gather(storm.run(), submit_through(cluster, storm, jobs))
    verdict = await cluster.verdict(within=120)
    report(f"storm of seed {storm.seed}: {dict(storm.counts)}")
    report(f"storm of seed {storm.seed}: {verdict}")
    assert verdict.jobs == jobs
    assert verdict.violations == []
