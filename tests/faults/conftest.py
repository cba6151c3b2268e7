"""Services that fault tests may break, and a place for what they measured."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local.stack import Stack
from tests.eventually import eventually
from tests.faults.cluster import Cluster, open_calm_cluster
from tests.faults.measured import Report
from tests.journeys.service import Service, open_service

_REPORTED = pytest.StashKey[list[str]]()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Say something that is shown when the run is over, whether or not the test passed."""
    return request.config.stash.setdefault(_REPORTED, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what fault tests have said."""
    lines = config.stash.get(_REPORTED, [])
    if lines:
        terminalreporter.section("what the faults did")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="module")
async def fragile(stack: Stack) -> AsyncIterator[Service]:
    """A gateway and a worker with two processes and a short lease."""
    environment = {"WARREN_PROCESSES": "2", "WARREN_LEASE_S": "5", "WARREN_SLOTS": "20"}
    async with open_service(stack, f"t{uuid4().hex[:12]}", environment) as service:
        yield service


@pytest.fixture
async def breakable(fragile: Service) -> Service:
    """The service, whole again after what earlier tests did to it."""
    for part in (fragile.worker, fragile.gateway):
        if not part.running:
            await part.start()

    async def both_processes_run() -> bool:
        return len(await fragile.worker_processes()) == 2

    await eventually(both_processes_run, within=30)
    return fragile


@pytest.fixture(scope="module")
async def calm(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A service for all tests of a module that leave it as they found it."""
    folder, name = tmp_path_factory.mktemp("calm"), f"t{uuid4().hex[:12]}"
    async with open_calm_cluster(stack, name, folder) as cluster:
        yield cluster


@pytest.fixture
async def cluster(calm: Cluster, tmp_path: Path) -> AsyncIterator[Cluster]:
    """The same, whole and without jobs, with a ledger for one test."""
    async with calm.on_a_new_page(tmp_path) as cluster:
        yield cluster
