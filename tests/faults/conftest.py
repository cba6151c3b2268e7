"""Services that fault tests may break."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.stack import Stack
from tests.journeys.service import Service, open_service


@pytest.fixture
async def breakable(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A gateway and a worker with two processes and a short lease, for one test alone."""
    environment = {"WARREN_PROCESSES": "2", "WARREN_LEASE_S": "5", "WARREN_SLOTS": "20"}
    async with open_service(stack, own_name, environment) as service:
        yield service
