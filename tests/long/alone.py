"""A keeper alone: the test stores jobs, hears bells, takes jobs as a worker would, and counts."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from deploy.local.stack import ROOT, Stack
from shared.contracts.bells import decode_bell
from shared.contracts.job import Job
from shared.infrastructure.collections import JOBS, LEASES, WORKERS, ensure_indexes
from shared.infrastructure.documents import to_document
from shared.infrastructure.topology import Names, declare_exchanges, declare_job_queue
from tests.eventually import eventually

Document = dict[str, Any]
QUEUE, TASK = "default", "math.add"


@dataclass
class Alone:
    """What the test sees, and what it does in place of gateways and workers."""

    database: AsyncDatabase[Document]
    heard_at: dict[str, datetime] = field(default_factory=dict)  # by job, its first bell
    bells: int = 0
    _taken: list[str] = field(default_factory=list)

    async def store(self, jobs: Iterable[Job]) -> None:
        """Store jobs just as they are, in batches."""
        waiting = iter(jobs)
        while chunk := [to_document(job) for job in islice(waiting, 10_000)]:
            await self.database[JOBS].insert_many(chunk, ordered=False)

    async def commands(self) -> int:
        """Count what the server was asked since its start, without its own housekeeping."""
        status = await self.database.client.admin.command("serverStatus")
        quiet = ("hello", "isMaster", "serverStatus", "ping")
        counted: Document = status["metrics"]["commands"]
        totals = {name: each["total"] for name, each in counted.items() if isinstance(each, dict)}
        return int(sum(total for name, total in totals.items() if name not in quiet))

    async def commands_a_second(self, seconds: float) -> float:
        """Count for a while."""
        before = await self.commands()
        await asyncio.sleep(seconds)
        return (await self.commands() - before) / seconds

    async def hear(self, message: AbstractIncomingMessage) -> None:
        """Take a bell, as a worker with free slots."""
        now = datetime.now(UTC)
        ids = decode_bell(message.body)
        for each in ids:
            self.heard_at.setdefault(each, now)
        self._taken += ids
        self.bells += 1
        await message.ack()

    async def work(self) -> None:
        """Take the jobs whose bells were heard off the queue, as claims do."""
        while True:
            await asyncio.sleep(0.05)
            ids, self._taken = self._taken, []
            for start in range(0, len(ids), 1000):
                wanted = {"_id": {"$in": ids[start : start + 1000]}, "status": "queued"}
                await self.database[JOBS].delete_many(wanted)


@asynccontextmanager
async def open_alone(stack: Stack, name: str, *, window: int = 4096) -> AsyncIterator[Alone]:
    """Start a keeper with a database and a namespace of its own, and serve its queue."""
    async with AsyncExitStack() as exits:
        client: AsyncMongoClient[Document] = AsyncMongoClient(stack.mongo_url, tz_aware=True)
        exits.push_async_callback(client.close)
        alone = Alone(client[name])
        exits.push_async_callback(client.drop_database, name)
        await ensure_indexes(alone.database)
        await _enlist(alone.database)
        connection = await aio_pika.connect(stack.rabbit_url)
        exits.push_async_callback(connection.close)
        await _consume(connection, Names(name), alone.hear)
        working = asyncio.create_task(alone.work())
        exits.callback(working.cancel)
        await _start(stack, name, window, exits)
        await eventually(lambda: alone.database[LEASES].find_one({}), within=30)
        yield alone


async def _enlist(database: AsyncDatabase[Document]) -> None:
    """A row by which the keeper knows that somebody serves the queue."""
    until = datetime.now(UTC) + timedelta(days=1)
    row = {"state": "running", "queues": [QUEUE], "tasks": [TASK], "lease_until": until}
    await database[WORKERS].insert_one({"_id": "the test", **row})


async def _consume(
    connection: aio_pika.abc.AbstractConnection, names: Names, hear: Callable[..., Any]
) -> None:
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=200)
    await declare_exchanges(channel, names)
    queue = await declare_job_queue(channel, names, QUEUE, quorum=False)
    await queue.consume(hear)


async def _start(stack: Stack, name: str, window: int, exits: AsyncExitStack) -> None:
    settings = {"WARREN_MONGO_DB": name, "WARREN_NAMESPACE": name, "WARREN_WINDOW": str(window)}
    keeper = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.long.keeper_alone"),
        cwd=ROOT,
        env={**stack.environment(), **settings},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def end() -> None:
        keeper.terminate()
        await keeper.wait()

    exits.push_async_callback(end)
