"""The one RabbitMQ and the one MongoDB that every measured system uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
from aiormq.exceptions import ChannelLockedResource
from pymongo import AsyncMongoClient

from bench import cpu
from bench.systems.system import Database
from deploy.local.stack import open_stack


@dataclass(frozen=True)
class Services:
    """Addresses of the running services, and the processes whose CPU is counted."""

    rabbit_url: str
    mongo_url: str
    environment: Mapping[str, str]

    def pids(self) -> Mapping[str, int]:
        return {
            "broker": cpu.listener(urlsplit(self.rabbit_url).port or 5672),
            "database": cpu.listener(urlsplit(self.mongo_url).port or 27017),
        }

    def client(self) -> AsyncMongoClient[dict[str, object]]:
        return AsyncMongoClient(self.mongo_url, w="majority", journal=True)

    async def versions(self) -> dict[str, str]:
        async with self.client() as client:
            mongo = (await client.server_info())["version"]
        connection = await aio_pika.connect(self.rabbit_url)
        async with connection:
            properties = connection.transport.connection.server_properties  # type: ignore[union-attr]
        return {"mongodb": str(mongo), "rabbitmq": str(properties["version"])}

    async def forget(self, queues: tuple[str, ...], database: Database) -> None:
        """Delete what an earlier round may have left: messages and documents."""
        await database.client.drop_database(database.name)
        async with await aio_pika.connect(self.rabbit_url) as connection:
            for queue in queues:
                channel = await connection.channel()
                try:
                    await channel.queue_delete(queue)
                except ChannelLockedResource as error:
                    raise RuntimeError(f"queue {queue} is in use by somebody else") from error


@asynccontextmanager
async def open_services(directory: Path) -> AsyncIterator[Services]:
    """The local stack in `directory`, or what WARREN_RABBIT_URL and WARREN_MONGO_URL name."""
    async with open_stack(directory) as stack:
        yield Services(stack.rabbit_url, stack.mongo_url, stack.environment())
