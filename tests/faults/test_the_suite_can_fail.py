"""A suite that never found a planted bug proves nothing: the same scenarios, right and wrong."""

from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.faults.cluster import Cluster, open_calm_cluster
from tests.faults.measured import Report
from tests.faults.planted import BUGS
from tests.faults.scenarios import SCENARIOS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.mark.parametrize("name", [name for name, each in SCENARIOS.items() if not each.trouble])
async def test_the_service_comes_through(name: str, cluster: Cluster, report: Report) -> None:
    findings = await SCENARIOS[name].play(cluster)

    report(f"{name}: {_shown(cluster)}")
    assert findings == []


@pytest.mark.parametrize("name", [name for name, each in SCENARIOS.items() if each.trouble])
async def test_the_service_comes_through_in_trouble(
    name: str, stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    trouble = f"trouble={SCENARIOS[name].trouble}"
    async with open_calm_cluster(stack, own_name, tmp_path, [trouble]) as cluster:
        findings = await SCENARIOS[name].play(cluster)

    report(f"{name}: {_shown(cluster)}")
    assert findings == []


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
async def test_with_a_bug_it_would_not(
    name: str, stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    scenario = SCENARIOS[name]
    trouble = [f"trouble={scenario.trouble}"] if scenario.trouble else []
    switches = [*trouble, f"plant={scenario.bug}"]
    async with open_calm_cluster(stack, own_name, tmp_path, switches) as cluster:
        findings = await scenario.play(cluster)

    report(f"{scenario.bug}: found, {len(findings)} times: {findings[:1]}")
    assert findings


def test_every_planted_bug_has_its_scenario() -> None:
    assert {scenario.bug for scenario in SCENARIOS.values()} == set(BUGS)


def _shown(cluster: Cluster) -> str:
    told = [f"{what} {seconds:.2f} s" for what, seconds in cluster.measured.items()]
    return ", ".join(told) or "passed"
