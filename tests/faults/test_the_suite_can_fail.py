"""A suite that never found a planted bug proves nothing: the same scenarios, right and wrong."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.faults.cluster import Cluster, open_cluster
from tests.faults.measured import Report
from tests.faults.planted import BUGS
from tests.faults.scenarios import SCENARIOS, Scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_service_comes_through(
    name: str, stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    scenario = SCENARIOS[name]
    async with _open(stack, own_name, tmp_path, scenario) as cluster:
        findings = await scenario.play(cluster)

    report(f"{name}: {_shown(cluster)}")
    assert findings == []


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
async def test_with_a_bug_it_would_not(
    name: str, stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    scenario = SCENARIOS[name]
    plant = [f"plant={scenario.bug}"]
    async with _open(stack, own_name, tmp_path, scenario, plant) as cluster:
        findings = await scenario.play(cluster)

    report(f"{scenario.bug}: found, {len(findings)} times: {findings[:1]}")
    assert findings


def test_every_planted_bug_has_its_scenario() -> None:
    assert {scenario.bug for scenario in SCENARIOS.values()} == set(BUGS)


def _open(
    stack: Stack, name: str, folder: Path, scenario: Scenario, plant: Sequence[str] = ()
) -> AbstractAsyncContextManager[Cluster]:
    trouble = [f"trouble={scenario.trouble}"] if scenario.trouble else []
    return open_cluster(
        stack,
        name,
        folder,
        workers=scenario.workers,
        environment=scenario.environment,
        switches=[*trouble, *plant],
    )


def _shown(cluster: Cluster) -> str:
    told = [f"{what} {seconds:.2f} s" for what, seconds in cluster.measured.items()]
    return ", ".join(told) or "passed"
