"""The services that journeys share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.journeys.service import Service, open_service


@pytest.fixture(scope="session")
async def service(stack: Stack) -> AsyncIterator[Service]:
    """One gateway and one worker for all journeys that break nothing."""
    async with open_service(stack, "journeys") as running:
        yield running


@pytest.fixture(scope="module")
async def lanes(stack: Stack) -> AsyncIterator[Service]:
    """A service of its own, with tasks that have keys."""
    tasks = {"WARREN_TASKS": "worker.tasks,tests.journeys.lane_tasks"}
    async with open_service(stack, "lanes", tasks) as service:
        yield service


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def key(own_name: str) -> str:
    """A key that no other test has."""
    return f"lane:{own_name}"
