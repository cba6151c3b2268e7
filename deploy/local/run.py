"""`make run` and `make stack`: start everything in order, serve until told to stop, stop it all."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

from deploy.local.first_job import curl_line, run_first_job
from deploy.local.mongod import MongoDB
from deploy.local.ports import is_free
from deploy.local.processes import POLL, tail
from deploy.local.rabbitmq import RabbitMQ
from deploy.local.services import (
    Gateway,
    Service,
    gateway_reaches_broker,
    make_gateway,
    make_worker,
)
from deploy.local.stack import Stack, open_stack
from deploy.local.steps import say
from deploy.local.together import together

Part = RabbitMQ | MongoDB | Service

DEFAULT_PORT = 8000
CONNECTED_WITHIN = timedelta(seconds=15)
STACK_SETTINGS = ("WARREN_RABBIT_URL", "WARREN_MONGO_URL")


class CannotRun(Exception):
    """Something on this machine stands in the way; the message is one line with the remedy."""


class PartDied(Exception):
    """A part ended although nobody asked it to; the message has the end of its log."""


class Stopwatch:
    """Tells when each part was there."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def tell(self, what: str) -> None:
        """Say what is so now, and how long after the beginning."""
        say(f"warren: {time.monotonic() - self._began:5.1f} s  {what}")


async def run(directory: Path, environment: Mapping[str, str]) -> None:
    """The whole service with a first job, until cancelled; raises CannotRun, PartDied, others."""
    with only_one(directory):
        port = wanted_port(environment)
        watch = Stopwatch()
        watch.tell("starting RabbitMQ, MongoDB, a gateway and a worker ...")
        async with open_stack(directory, keep_data=True, start=False) as stack, _farewell():
            settings = {"WARREN_LOG": "console", **_settings_of_person(environment)}
            gateway = make_gateway(stack, port=port, environment=settings)
            worker = make_worker(stack, environment=settings)
            await _start(stack, [gateway, worker], watch)
            await _connected(gateway)
            await _show_first_job(gateway)
            watch.tell("ready")
            _show_ways_on(gateway, stack)
            await until_one_dies([worker, gateway, *stack.servers()])


async def _start(stack: Stack, services: list[Service], watch: Stopwatch) -> None:
    """RabbitMQ takes longest; the services need only the database to begin, and find it later."""
    await together(
        *(_up(broker, watch) for broker in stack.servers() if isinstance(broker, RabbitMQ)),
        _start_on_database(stack, services, watch),
    )


async def _connected(gateway: Gateway) -> None:
    """Wait until jobs flow without delay: the gateway began before the broker was there."""
    deadline = time.monotonic() + CONNECTED_WITHIN.total_seconds()
    while time.monotonic() < deadline:
        if await gateway_reaches_broker(gateway.port):
            return
        await asyncio.sleep(POLL.total_seconds())


async def _start_on_database(stack: Stack, services: list[Service], watch: Stopwatch) -> None:
    for database in stack.servers():
        if isinstance(database, MongoDB):
            await _up(database, watch)
    await together(*(_up(service, watch) for service in services))


async def _up(part: Part, watch: Stopwatch) -> None:
    await part.start()
    watch.tell(f"{part.name} is up")


async def run_stack(directory: Path) -> None:
    """Only RabbitMQ and MongoDB, until cancelled."""
    with only_one(directory):
        watch = Stopwatch()
        watch.tell("starting RabbitMQ and MongoDB ...")
        async with open_stack(directory, keep_data=True, start=False) as stack, _farewell():
            await together(*(_up(server, watch) for server in stack.servers()))
            say(f"\n  export WARREN_RABBIT_URL={stack.rabbit_url}")
            say(f"  export WARREN_MONGO_URL='{stack.mongo_url}'\n")
            say(f"Logs and data: {_near(directory)}. Ctrl-C stops both.")
            await until_one_dies(stack.servers())


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory for ourselves; raises CannotRun if another run has it."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise CannotRun(
                f"another `make run` or `make stack` is active here (process {lock.read()}): "
                "use it, or stop it with Ctrl-C in its terminal"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def wanted_port(environment: Mapping[str, str]) -> int:
    """The port that WARREN_PORT names, or 8000; raises CannotRun unless it is free."""
    text = environment.get("WARREN_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise CannotRun(f"WARREN_PORT must be a port number from 1 to 65535, not {text!r}")
    if not is_free(int(text)):
        raise CannotRun(
            f"port {text} is taken by another program: name a free one, for example "
            f"`WARREN_PORT={int(text) % 65_535 + 1} make run`"
        )
    return int(text)


def _settings_of_person(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text
        for name, text in environment.items()
        if name.startswith("WARREN_") and name not in STACK_SETTINGS
    }


async def _show_first_job(gateway: Gateway) -> None:
    pushed = await run_first_job(gateway.url, gateway.websocket_url)
    job, ms = pushed.job, pushed.after.total_seconds() * 1000
    say(f"\nA first job, math.add of 1 and 2, was submitted as {job['id']}.")
    outcome = job["result"] if job["status"] == "succeeded" else job["error"]
    say(f"Its end was pushed over the WebSocket {ms:.0f} ms later: {job['status']}, {outcome}.\n")


def _show_ways_on(gateway: Gateway, stack: Stack) -> None:
    say(f"\nRepeat it yourself:\n  {curl_line(gateway.url)}\n")
    say(f"The service:        {gateway.url}/")
    say(f"Its documentation:  {gateway.url}/docs")
    say(f"Logs and data:      {_near(stack.directory)}")
    say("Ctrl-C stops everything.")


def _near(path: Path) -> str:
    return os.path.relpath(path)


@asynccontextmanager
async def _farewell() -> AsyncIterator[None]:
    """On the way out, say that the stopping has begun: it takes a few seconds."""
    try:
        yield
    except asyncio.CancelledError:
        say("\nwarren: stopping worker, gateway, RabbitMQ and MongoDB ...")
        raise


async def until_one_dies(parts: Sequence[Part]) -> None:
    """Wait for ever; raises PartDied when a part ends by itself."""
    waits = {asyncio.create_task(part.ended()): part for part in parts}
    never = asyncio.create_task(asyncio.Event().wait())
    try:
        done, _ = await asyncio.wait({never, *waits}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in (never, *waits):
            wait.cancel()
    part = waits[next(iter(done))]
    raise PartDied(
        f"{part.name} ended by itself (code {next(iter(done)).result()}), so everything is "
        f"stopped; the end of its log ({_near(part.log)}):\n{tail(part.log)}"
    )
