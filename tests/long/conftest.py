"""Measurements of the keeper that take minutes, and a place for what they saw."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.stack import Stack
from tests.faults.measured import Report
from tests.long.alone import Alone, open_alone

_REPORTED = pytest.StashKey[list[str]]()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Say something that is shown when the run is over, whether or not the test passed."""
    return request.config.stash.setdefault(_REPORTED, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what was measured."""
    if lines := config.stash.get(_REPORTED, []):
        terminalreporter.section("what the keeper did")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
async def alone(stack: Stack, own_name: str) -> AsyncIterator[Alone]:
    """A keeper without workers, and the test in their place."""
    async with open_alone(stack, own_name) as alone:
        yield alone
