"""Open-loop latency: jobs arrive at their own times, whether or not the earlier ones have ended."""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.http import Pool, request_bytes
from bench.load import quiet
from bench.running import HOST, Running, WrongResults

SEED = 20
POLL_S = 0.01
DEADLINE_S = 30.0
CONNECTIONS = 32


@dataclass(frozen=True)
class Latency:
    """Milliseconds from just before the POST until the client knew the result."""

    system: str
    how: str
    rate_per_s: float
    jobs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Client(ABC):
    """A user who submits jobs and learns their ends."""

    def __init__(self, running: Running, pool: Pool) -> None:
        self.running = running
        self.pool = pool

    async def run(self, number: int) -> float:
        """Submit one job, learn its right result, and give the seconds that took."""
        system = self.running.system
        request = request_bytes("POST", system.submit_path, system.body(number, number))
        began = time.perf_counter()
        response = await self.pool.request(request)
        job_id = self.running.expect(response.status, response.body, 2 * number)
        async with asyncio.timeout(DEADLINE_S):
            result, ended = await self.end_of(job_id)
        if result != 2 * number:
            raise WrongResults(f"{system.name}: job {job_id} gave {result}, not {2 * number}")
        return ended - began

    @abstractmethod
    async def end_of(self, job_id: str) -> tuple[int, float]:
        """The result, and when (perf_counter) the client had it."""


class Polling(Client):
    """Asks for the job again and again, as users of systems without a push must."""

    async def end_of(self, job_id: str) -> tuple[int, float]:
        request = request_bytes("GET", self.running.system.result_path(job_id))
        while True:
            response = await self.pool.request(request)
            job = orjson.loads(response.body)
            if job["done"]:
                return int(job["result"]), time.perf_counter()
            await asyncio.sleep(POLL_S)


class Pushed(Client):
    """Subscribes to each job on one shared WebSocket and is told."""

    def __init__(self, running: Running, pool: Pool, socket: ClientConnection) -> None:
        super().__init__(running, pool)
        self._socket = socket
        self._ends: dict[str, asyncio.Future[tuple[int, float]]] = {}

    async def end_of(self, job_id: str) -> tuple[int, float]:
        end: asyncio.Future[tuple[int, float]] = asyncio.get_running_loop().create_future()
        self._ends[job_id] = end
        subscribe = {"type": "subscribe", "id": job_id, "job": job_id}
        await self._socket.send(orjson.dumps(subscribe).decode())
        return await end

    async def listen(self) -> None:
        async for frame in self._socket:
            message = orjson.loads(frame)
            if message["type"] == "error":
                raise WrongResults(f"a subscription was refused: {message}")
            if message["type"] == "next" and message["job"]["done"]:
                end = self._ends.pop(message["id"])
                end.set_result((message["job"]["result"], time.perf_counter()))


async def measure(running: Running, rate: float, seconds: float) -> Latency:
    """Latency at `rate` jobs a second, arriving at random (Poisson) for about `seconds`."""
    pool = Pool(HOST, running.place.port)
    await pool.grow(CONNECTIONS)
    async with _client(running, pool) as client:
        await _open_loop(client.run, _arrivals(rate, 1.0))
        with quiet():
            took = await _open_loop(client.run, _arrivals(rate, seconds))
    pool.close()
    await running.settle()
    await running.verify()
    return summary(running.system.name, type(client).__name__.lower(), rate, took)


def summary(system: str, how: str, rate: float, took: Sequence[float]) -> Latency:
    ordered = sorted(1000 * seconds for seconds in took)

    def quantile(q: float) -> float:
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))]

    return Latency(
        system=system,
        how=how,
        rate_per_s=rate,
        jobs=len(ordered),
        p50_ms=quantile(0.5),
        p90_ms=quantile(0.9),
        p99_ms=quantile(0.99),
        max_ms=ordered[-1],
    )


@asynccontextmanager
async def _client(running: Running, pool: Pool) -> AsyncIterator[Client]:
    if running.system.family != "warren":
        yield Polling(running, pool)
        return
    url = f"ws://{HOST}:{running.place.port}/v1/ws"
    async with connect(url, subprotocols=[Subprotocol("warren.v1")], compression=None) as socket:
        client = Pushed(running, pool, socket)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(client.listen())
            yield client
            listening.cancel()


async def _open_loop(run: Callable[[int], Any], arrivals: Sequence[float]) -> list[float]:
    tasks: list[asyncio.Task[float]] = []
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, due in enumerate(arrivals):
            await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
            tasks.append(group.create_task(run(number)))
    return [task.result() for task in tasks]


def _arrivals(rate: float, seconds: float) -> list[float]:
    chance = random.Random(SEED)
    times = [chance.expovariate(rate)]
    while times[-1] < seconds:
        times.append(times[-1] + chance.expovariate(rate))
    return times
