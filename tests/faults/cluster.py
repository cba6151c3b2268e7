"""A service to be broken: gateways, workers, a network and a ledger of its own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aio_pika
from aio_pika.exceptions import ChannelNotFoundEntity
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from deploy.local.processes import StartFailed
from deploy.local.replica_set import ReplicaSet
from deploy.local.services import Gateway, Service, Worker, make_gateway, make_worker
from deploy.local.stack import Stack
from deploy.local.together import together
from tests.eventually import eventually
from tests.faults.clients import Clients
from tests.faults.crashes import Crashes
from tests.faults.judge import Verdict, judge
from tests.faults.ledger import Ledger
from tests.faults.wires import Wires, open_wires

Document = dict[str, Any]
_TRIES = 5
_LOOK_EVERY = 0.2  # seconds
LEASE_S = 5  # of calm clusters
LIVE = ["waiting", "queued", "running"]


@dataclass(frozen=True)
class Cluster:
    """Everything that can be broken, and everything that a judge needs."""

    name: str
    stack: Stack
    gateways: list[Gateway]
    workers: list[Worker]
    wires: Wires
    members: ReplicaSet | None
    database: AsyncDatabase[Document]
    ledger: Ledger
    clients: Clients
    crashes: Crashes
    measured: dict[str, float] = field(default_factory=dict)  # seconds

    @property
    def queue(self) -> str:
        """The name on the broker of the queue that our tasks use."""
        return f"{self.name}.jobs.faults"

    def processes(self, worker: Worker | None = None) -> list[int]:
        """Return the processes that run jobs: of one worker, or of all."""
        workers = self.workers if worker is None else [worker]
        return [pid for each in workers if each.running for pid in children(each.pid)]

    @asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """While this lasts, start again whatever part ends, as a process manager does."""

        async def keep_up(service: Service) -> None:
            while True:
                await service.ended()
                await up_again(service)

        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(keep_up(s)) for s in (*self.workers, *self.gateways)]
            try:
                yield
            finally:
                for keeper in keepers:
                    keeper.cancel()

    async def whole(self) -> None:
        """Start again what does not run, and wait until every worker has a process."""
        for part in (*self.workers, *self.gateways):
            if not part.running:
                await up_again(part)
        await eventually(lambda: all(map(self.processes, self.workers)), within=20)

    @asynccontextmanager
    async def on_a_new_page(self, folder: Path) -> AsyncIterator["Cluster"]:
        """Yield the same service with no jobs, and a ledger that knows of none."""
        await self.whole()
        for kept in (self.database.jobs, self.database.graphs, self.database.nodes):
            await kept.delete_many({})
        ledger = Ledger(folder / "ledger")
        async with Clients(ledger, [gateway.url for gateway in self.gateways]).open() as clients:
            yield replace(self, ledger=ledger, clients=clients, measured={})

    async def at_rest(self, *, within: float) -> None:
        """Wait until no job is left to run, none has anything to be done, and no bell waits."""

        async def resting() -> bool:
            await asyncio.sleep(_LOOK_EVERY)
            jobs = self.database.jobs
            live = await jobs.find_one({"status": {"$in": LIVE}}, {"status": 1})
            return live is None and await jobs.find_one({"unsettled": True}) is None

        await eventually(resting, within=within)

        async def no_bells() -> bool:
            await asyncio.sleep(_LOOK_EVERY)
            return await self._bells() == 0

        await eventually(no_bells, within=30)

    async def _bells(self) -> int:
        """Count the bells that wait; a queue that is gone holds none."""
        try:
            async with await aio_pika.connect(self.stack.rabbit_url) as connection:
                channel = await connection.channel()
                queue = await channel.declare_queue(self.queue, passive=True)
                return queue.declaration_result.message_count or 0
        except ChannelNotFoundEntity:
            return 0

    async def verdict(self, *, within: float = 60) -> Verdict:
        """Wait for rest, look at every job as a client, and judge."""
        try:
            await self.at_rest(within=within)
        except AssertionError as error:  # the judge tells more of what is left
            self.ledger.refused.append(f"no rest: {error}")
        await self.clients.look_at_all()
        return await judge(self.ledger, self.database)


@asynccontextmanager
async def open_cluster(
    stack: Stack,
    name: str,
    folder: Path,
    *,
    gateways: int = 1,
    workers: int = 1,
    members: ReplicaSet | None = None,
    environment: Mapping[str, str] | None = None,
    switches: Sequence[str] = (),
) -> AsyncIterator[Cluster]:
    """Start a service with a database, a namespace, wires and a ledger of its own.

    With `members` its database is that replica set, to which no wires lead. `switches` are those
    of `tests.faults.through`; the crash points are there always.
    """
    crashes = Crashes(folder / "crashes")
    start = ["tests.faults.through", f"crash={crashes.folder}", *switches, "--"]
    mongo_url = members.url if members else stack.mongo_url
    settings = {
        "WARREN_MONGO_URL": mongo_url,
        "WARREN_MONGO_DB": name,
        "WARREN_NAMESPACE": name,
        "WARREN_TASKS": "tests.faults.tasks",
        "WARREN_GRACE_S": "3",
        "WARREN_SLOTS": "20",
        "WARREN_LOG": "console",
        **(environment or {}),
    }
    async with AsyncExitStack() as exits:
        wires = await exits.enter_async_context(open_wires(stack, to_mongo=members is None))
        of_gateways = {**settings, **wires.of("gateway")}
        of_workers = {**settings, **wires.of("worker")}
        started_gateways = [
            make_gateway(stack, environment=of_gateways, name=f"{name}-gateway{n}", through=start)
            for n in range(gateways)
        ]
        started_workers = [
            make_worker(stack, environment=of_workers, name=f"{name}-worker{n}", through=start)
            for n in range(workers)
        ]
        for part in (*started_workers, *started_gateways):
            exits.push_async_callback(part.close, in_good_order=False)
        await together(*(part.start() for part in (*started_workers, *started_gateways)))
        client: AsyncMongoClient[Document] = AsyncMongoClient(mongo_url)
        exits.push_async_callback(client.close)
        ledger = Ledger(folder / "ledger")
        clients = await exits.enter_async_context(
            Clients(ledger, [gateway.url for gateway in started_gateways]).open()
        )
        yield Cluster(
            name,
            stack,
            started_gateways,
            started_workers,
            wires,
            members,
            client[name],
            ledger,
            clients,
            crashes,
        )


def open_calm_cluster(
    stack: Stack, name: str, folder: Path, switches: Sequence[str] = ()
) -> AbstractAsyncContextManager[Cluster]:
    """A gateway and two workers with a short lease."""
    environment = {"WARREN_LEASE_S": str(LEASE_S), "WARREN_SLOTS": "100"}
    return open_cluster(stack, name, folder, workers=2, environment=environment, switches=switches)


async def up_again(service: Service) -> None:
    """Start a service as a process manager does: again, if it ends while something is away."""
    for _ in range(_TRIES):
        with suppress(StartFailed, PyMongoError):
            await service.start()
        if service.running:
            return
    raise StartFailed(f"{service.name} did not start {_TRIES} times; see {service.log}")


def children(pid: int) -> list[int]:
    """Return the worker processes that a supervisor has started and that live."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def send(pids: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to those of the processes that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
