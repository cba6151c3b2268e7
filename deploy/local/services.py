"""Gateways and workers as processes on a stack: started, awaited, stopped, killed."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from deploy.local.ports import free_port
from deploy.local.processes import ChildProcess, Ready
from deploy.local.stack import ROOT, Stack

START = timedelta(seconds=60)
ASK_DATABASE_EVERY = timedelta(milliseconds=100)
REMEDY = "mend what its log says and try again"
DEFAULT_GRACE_S = 30.0
# The worker allows its processes the grace period and a little more before it kills them.
AFTER_GRACE = timedelta(seconds=10)


class Service:
    """One process of Warren's own on a stack."""

    def __init__(self, process: ChildProcess, ready: Ready, patience: timedelta) -> None:
        self._process = process
        self._ready = ready
        self._patience = patience

    @property
    def name(self) -> str:
        """What it is called in messages and what its log is named after."""
        return self._process.name

    @property
    def log(self) -> Path:
        """The file that has its output, over all restarts."""
        return self._process.log

    @property
    def pid(self) -> int:
        """Its process id (of a worker: the supervisor's)."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Say whether its process lives."""
        return self._process.running

    async def start(self) -> None:
        """Start it and wait until it serves; raises StartFailed."""
        await self._process.start(self._ready, START)

    async def stop(self) -> None:
        """Ask it to stop and wait until it has."""
        await self._process.stop(self._patience)

    async def kill(self) -> None:
        """SIGKILL its process alone."""
        await self._process.kill()

    async def restart(self) -> None:
        """Stop and start again, at the same address."""
        await self.stop()
        await self.start()

    async def ended(self) -> int:
        """Wait until its process is gone; return the exit code (minus the signal's number)."""
        return await self._process.ended()

    async def close(self, *, in_good_order: bool) -> None:
        """End it: politely, or at once."""
        await (self.stop() if in_good_order else self._process.kill_group())


class Gateway(Service):
    """A gateway and its addresses."""

    def __init__(self, process: ChildProcess, port: int, patience: timedelta) -> None:
        super().__init__(process, lambda: gateway_is_ready(port), patience)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.websocket_url = f"ws://127.0.0.1:{port}/v1/ws"


class Worker(Service):
    """A worker: supervisor, keeper and the processes that run jobs."""

    def __init__(
        self, process: ChildProcess, mongo_url: str, database: str, patience: timedelta
    ) -> None:
        super().__init__(process, self._is_listed, patience)
        self._mongo_url = mongo_url
        self._database = database

    async def _is_listed(self) -> bool:
        await asyncio.sleep(ASK_DATABASE_EVERY.total_seconds())
        return await worker_is_ready(self._mongo_url, self.pid, self._database)


def make_gateway(
    stack: Stack,
    *,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    name: str = "gateway",
    through: Sequence[str] = (),
) -> Gateway:
    """A gateway, not yet started, that ends with the stack. `environment` is added to its own.

    `through` names a module, and its arguments, that starts the service in place of Python itself.
    """
    port = free_port() if port is None else port
    added = {**(environment or {}), "WARREN_HOST": "127.0.0.1", "WARREN_PORT": str(port)}
    gateway = Gateway(_process(stack, "api", name, added, through), port, _patience(added))
    stack.exits.push_async_callback(gateway.close, in_good_order=stack.keep_data)
    return gateway


def make_worker(
    stack: Stack,
    *,
    environment: Mapping[str, str] | None = None,
    name: str = "worker",
    through: Sequence[str] = (),
) -> Worker:
    """A worker, not yet started, that ends with the stack. The options are those of a gateway."""
    added = dict(environment or {})
    process = _process(stack, "worker", name, added, through)
    database = added.get("WARREN_MONGO_DB", "warren")
    mongo_url = added.get("WARREN_MONGO_URL", stack.mongo_url)
    worker = Worker(process, mongo_url, database, _patience(added))
    stack.exits.push_async_callback(worker.close, in_good_order=stack.keep_data)
    return worker


async def start_gateway(
    stack: Stack,
    *,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    name: str = "gateway",
) -> Gateway:
    """Make a gateway and start it; raises StartFailed."""
    gateway = make_gateway(stack, port=port, environment=environment, name=name)
    await gateway.start()
    return gateway


async def start_worker(
    stack: Stack, *, environment: Mapping[str, str] | None = None, name: str = "worker"
) -> Worker:
    """Make a worker and start it; raises StartFailed."""
    worker = make_worker(stack, environment=environment, name=name)
    await worker.start()
    return worker


def _process(
    stack: Stack, module: str, name: str, added: Mapping[str, str], through: Sequence[str]
) -> ChildProcess:
    return ChildProcess(
        name,
        [sys.executable, "-m", *(through or stack.through), module],
        environment={**stack.environment(), **added},
        log=stack.directory / f"{name}.log",
        remedy=REMEDY,
        folder=ROOT,
    )


def _patience(environment: Mapping[str, str]) -> timedelta:
    grace = DEFAULT_GRACE_S
    with suppress(ValueError):  # a bad setting is the service's own to refuse
        grace = float(environment.get("WARREN_GRACE_S", DEFAULT_GRACE_S))
    return timedelta(seconds=grace) + AFTER_GRACE


async def gateway_is_ready(port: int) -> bool:
    """Say whether a gateway on this machine answers that it is ready to take jobs."""
    return b" 200 " in (await _ask_health(port)).partition(b"\r\n")[0]


async def gateway_reaches_broker(port: int) -> bool:
    """Say whether a gateway also has its connection to RabbitMQ, which it can do without."""
    return b'"rabbitmq":true' in (await _ask_health(port)).replace(b" ", b"")


async def _ask_health(port: int) -> bytes:
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            answer = await reader.read()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return b""
    return answer


async def worker_is_ready(mongo_url: str, supervisor: int, database: str = "warren") -> bool:
    """Say whether a process of this supervisor has told the database that it runs jobs."""
    # PyMongo takes long to load; loaded here, it does not delay the start of anything.
    from deploy.local.database import has_live_worker  # noqa: PLC0415

    return await asyncio.to_thread(has_live_worker, mongo_url, supervisor, database)
