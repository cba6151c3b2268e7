"""MongoDB: opening and closing, the two drivers, durability, and errors translated."""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, cast

from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.write_concern import WriteConcern

from shared.contracts.errors import BadSetting, StoreUnavailable
from shared.infrastructure.settings import Settings

if TYPE_CHECKING:
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.asynchronous.database import AsyncDatabase

    Document = dict[str, Any]
    Collection = AsyncCollection[Document]
    Database = AsyncDatabase[Document]
else:
    Document = dict
    Collection = Database = Any

DURABLE = WriteConcern(w="majority", j=True, wtimeout=5000)
"""What every write that matters waits for."""

FAST_FAILOVER: dict[str, Any] = {
    # Tuned so that a frozen primary costs 12 s instead of 30 s (docs/decisions/0005).
    "connectTimeoutMS": 2000,
    "socketTimeoutMS": 4000,
    "heartbeatFrequencyMS": 2000,
    "serverSelectionTimeoutMS": 3000,
    "tz_aware": True,
    "retryWrites": False,  # we repeat our writes ourselves, also where a driver would not
}
_MOTOR_THREADS = 32
_TRANSIENT = (ConnectionFailure, ExecutionTimeout, WriteConcernError)


@asynccontextmanager
async def open_mongo(settings: Settings, *, app: str) -> AsyncIterator[Database]:
    """Yield the database, once it is known to be a replica set that takes durable writes."""
    client = _client(settings, app)
    try:
        database = client.get_database(settings.mongo_db, write_concern=DURABLE)
        await _require_replica_set(database)
        yield database
    finally:
        closing = client.close()
        if inspect.isawaitable(closing):  # PyMongo's is a coroutine, Motor's is not
            await closing


def _client(settings: Settings, app: str) -> "AsyncMongoClient[Document]":
    url = settings.mongo_url.get_secret_value()
    try:
        if settings.mongo_driver == "pymongo":
            return AsyncMongoClient(url, appname=app, **FAST_FAILOVER)
        os.environ.setdefault("MOTOR_MAX_WORKERS", str(_MOTOR_THREADS))  # read on import only
        from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415 -- after the setting

        motor_client: Any = AsyncIOMotorClient(url, appname=app, **FAST_FAILOVER)
        # The calls that we use are the same in both drivers.
        return cast("AsyncMongoClient[Document]", motor_client)
    except (ConfigurationError, ValueError) as error:
        raise BadSetting(f"WARREN_MONGO_URL is not usable: {error}") from error


async def _require_replica_set(database: Database) -> None:
    for _ in range(20):  # a starting server may need a moment; a standalone never changes
        with translated():
            hello = await database.client.admin.command("hello")
        if "setName" in hello or hello.get("msg") == "isdbgrid":
            return
        await asyncio.sleep(0.25)
    raise BadSetting(
        "WARREN_MONGO_URL leads to a standalone MongoDB; start it with --replSet and run "
        "rs.initiate() (one member is enough), since Warren needs majority writes"
    )


@contextmanager
def open_sync_mongo(settings: Settings, *, app: str) -> "Iterator[MongoClient[Document]]":
    """Yield a client for a thread of its own, with timeouts that suit a heartbeat."""
    url = settings.mongo_url.get_secret_value()
    with MongoClient[Document](url, appname=app, maxPoolSize=2, **FAST_FAILOVER) as client:
        yield client


def literal(value: object) -> Document:
    """Keep a value from being read as an expression of an aggregation."""
    return {"$literal": list(value) if isinstance(value, tuple) else value}


@contextmanager
def translated() -> Iterator[None]:
    """Turn a driver's "away for now" into StoreUnavailable. A write may have taken effect."""
    try:
        yield
    except _TRANSIENT as error:
        raise StoreUnavailable(f"MongoDB did not answer: {error}") from error
    except OperationFailure as error:
        if error.has_error_label("RetryableWriteError") or error.code in (91, 189, 10107, 11600):
            raise StoreUnavailable(f"MongoDB has no primary: {error}") from error
        raise
    except PyMongoError as error:
        if "closed" in str(error).lower():
            raise StoreUnavailable("the MongoDB client is closed") from error
        raise
