"""The services that journeys share."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.stack import Stack
from tests.journeys.service import Service, open_service


@pytest.fixture(scope="session")
async def service(stack: Stack) -> AsyncIterator[Service]:
    """One gateway and one worker for all journeys that break nothing."""
    async with open_service(stack, "journeys") as running:
        yield running
