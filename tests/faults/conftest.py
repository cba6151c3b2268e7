"""Services that fault tests may break, and a place for what they measured."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.stack import Stack
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


@pytest.fixture
async def breakable(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A gateway and a worker with two processes and a short lease, for one test alone."""
    environment = {"WARREN_PROCESSES": "2", "WARREN_LEASE_S": "5", "WARREN_SLOTS": "20"}
    async with open_service(stack, own_name, environment) as service:
        yield service
