"""What every ring shares: one private RabbitMQ and MongoDB, and room of its own for each test."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from deploy.local.stack import Stack, open_stack

# How long it takes to think of an example says something of the machine, not of us.
settings.register_profile("warren", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("warren")


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The servers, started when a test first asks for them; fail points can be set in MongoDB."""
    directory = tmp_path_factory.mktemp("stack")
    async with open_stack(directory, mongo_parameters={"enableTestCommands": "1"}) as stack:
        yield stack


@pytest.fixture(scope="session")
def rabbit_url(stack: Stack) -> str:
    return stack.rabbit_url


@pytest.fixture(scope="session")
def mongo_url(stack: Stack) -> str:
    return stack.mongo_url


@pytest.fixture
def own_name() -> str:
    """A name that nothing else has: for a database, or a namespace on the broker."""
    return f"t{uuid4().hex[:12]}"
