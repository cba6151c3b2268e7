"""Random faults under load: nothing is lost, nothing ends twice, every repeat has its cause."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.replica_set import ReplicaSet, open_replica_set
from deploy.local.stack import Stack, clean_environment
from tests.faults.cluster import Cluster, open_cluster
from tests.faults.measured import Report
from tests.faults.storm import Storm, submit_through

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("STORM_SEED", random.randrange(1_000_000)))
FRAGILE = {"WARREN_LEASE_S": "5", "WARREN_PROCESSES": "2"}


@pytest.fixture
async def members(stack: Stack, tmp_path: Path) -> AsyncIterator[ReplicaSet]:
    """A replica set of three that elects a primary quickly."""
    environment = clean_environment(os.environ, stack.mark)
    async with open_replica_set(
        tmp_path / "members", environment=environment, election=timedelta(seconds=3)
    ) as members:
        yield members


@pytest.mark.timeout(240)
async def test_a_short_storm_loses_nothing(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    async with open_cluster(stack, own_name, tmp_path, environment=FRAGILE) as cluster:
        storm = Storm(cluster, seed=SEED, faults=5, hands=2, calm=0.5)
        await _weather(cluster, storm, report, jobs=300)


@pytest.mark.long
@pytest.mark.timeout(2400)
async def test_10000_jobs_survive_100_faults(
    stack: Stack, members: ReplicaSet, own_name: str, tmp_path: Path, report: Report
) -> None:
    """Everything that can die on one machine, MongoDB's primary included, two faults at a time."""
    async with open_cluster(
        stack,
        own_name,
        tmp_path,
        gateways=2,
        workers=2,
        members=members,
        environment={"WARREN_PROCESSES": "2", "WARREN_LEASE_S": "8"},
    ) as cluster:
        storm = Storm(cluster, seed=SEED, faults=100, hands=2)
        await _weather(cluster, storm, report, jobs=10_000)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_2000_jobs_survive_a_network_that_fails_everywhere(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    """As above with one MongoDB, and bad wires between every pair."""
    async with open_cluster(
        stack, own_name, tmp_path, gateways=2, workers=2, environment=FRAGILE
    ) as cluster:
        storm = Storm(cluster, seed=SEED, faults=25, hands=2)
        await _weather(cluster, storm, report, jobs=2_000)


async def _weather(cluster: Cluster, storm: Storm, report: Report, *, jobs: int) -> None:
    try:
        await asyncio.gather(storm.run(), submit_through(cluster, storm, jobs))
    finally:
        report(f"storm of seed {storm.seed}: {dict(storm.counts)}")
    verdict = await cluster.verdict(within=180)
    report(f"storm of seed {storm.seed}: {verdict}")
    assert verdict.jobs == jobs
    assert verdict.violations == []
