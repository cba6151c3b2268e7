"""Real services: each promise about MongoDB is asked of both drivers, on an empty database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
from pydantic import SecretStr

from deploy.local.stack import Stack
from shared.infrastructure.collections import (
    INDEXES,
    KEYS,
    LANES,
    LEASES,
    PAUSES,
    QUEUES,
    TASKS,
    ensure_indexes,
)
from shared.infrastructure.lanes.admissions import Admissions
from shared.infrastructure.mongo import Database, open_mongo, translated
from shared.infrastructure.settings import WorkerSettings
from shared.infrastructure.writes import until_stored
from tests.conformance.store import Store

DRIVERS = ("motor", "pymongo")


@pytest.fixture(scope="session")
async def databases(stack: Stack) -> AsyncIterator[dict[str, Database]]:
    """An open database with its indexes for each driver."""
    async with AsyncExitStack() as opened:
        databases = {}
        for driver in DRIVERS:
            settings = WorkerSettings.model_validate(
                {**_urls(stack), "mongo_db": f"conformance-{driver}", "mongo_driver": driver}
            )
            databases[driver] = await opened.enter_async_context(open_mongo(settings, app="tests"))
            await ensure_indexes(databases[driver])
        yield databases


@pytest.fixture(params=DRIVERS)
async def database(request: pytest.FixtureRequest, databases: dict[str, Database]) -> Database:
    """The database of one driver, emptied."""
    database = databases[request.param]
    for name in (*INDEXES, TASKS, KEYS, LANES, LEASES, QUEUES, PAUSES):
        await until_stored(partial(_empty, database, name))
    return database


async def _empty(database: Database, name: str) -> None:
    """Empty a collection; the test before may have cut the connection."""
    with translated():
        await database[name].delete_many({})


@pytest.fixture
def store(database: Database) -> Store:
    """The jobs in the database."""
    return Store(database)


@pytest.fixture
def settings(stack: Stack, own_name: str) -> WorkerSettings:
    """Settings with names on the broker that only this test has."""
    return WorkerSettings.model_validate(
        {**_urls(stack), "mongo_db": own_name, "namespace": own_name}
    )


def _urls(stack: Stack) -> dict[str, SecretStr]:
    return {"rabbit_url": SecretStr(stack.rabbit_url), "mongo_url": SecretStr(stack.mongo_url)}


@pytest.fixture
def admissions(database: Database) -> Admissions:
    return Admissions(database)
