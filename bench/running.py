"""A started system: what it was asked, whether it has ended it all, and whether that is right."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench import load, machine
from bench.http import Pool, request_bytes
from bench.processes import Child, stop_all, wait_for_port
from bench.services import Services
from bench.systems.system import Database, Place, System
from deploy.local.ports import free_port

POLL_S = 0.02
STALLED_S = 30.0
HOST = "127.0.0.1"


class WrongResults(AssertionError):
    """A job without result, with a wrong one, or one nobody asked for: the round is void."""


@dataclass
class Running:
    """A started system, its database, and the sums that were asked of it so far by job id."""

    system: System
    place: Place
    database: Database
    children: list[Child]
    expected: dict[str, int]

    def pids(self) -> Mapping[str, int]:
        return {child.role: child.pid for child in self.children} | {"load": os.getpid()}

    async def ready(self) -> None:
        """Wait until the system accepts a job and ends it."""
        system, pool = self.system, Pool(HOST, self.place.port)
        request = request_bytes("POST", system.submit_path, system.body(0, 1))
        async with asyncio.timeout(STALLED_S):
            while (answer := await pool.request(request)).status != 202:
                for child in self.children:
                    child.check()
                await asyncio.sleep(0.2)
        pool.close()
        self.expect(answer.status, answer.body, 1)
        await self.settle()

    async def submit(self, jobs: int) -> load.Submitted:
        """Post `jobs` jobs with 64 clients and remember what each must give."""
        first = len(self.expected)
        sums = [(first + n, 2 * (first + n) + 1) for n in range(jobs)]
        requests = [
            request_bytes("POST", self.system.submit_path, self.system.body(x, y)) for x, y in sums
        ]
        submitted = await load.submit(HOST, self.place.port, requests)
        for (x, y), response in zip(sums, submitted.responses, strict=True):
            self.expect(response.status, response.body, x + y)
        return submitted

    def expect(self, status: int, body: bytes, total: int) -> str:
        if status != 202:
            raise WrongResults(f"{self.system.name} answered {status}: {body[:300]!r}")
        job_id: str = orjson.loads(body)["id"]
        if job_id in self.expected:
            raise WrongResults(f"{self.system.name} gave the id {job_id} twice")
        self.expected[job_id] = total
        return job_id

    async def settle(self) -> float:
        """Wait until every job has its stored end; gives the moment (monotonic seconds)."""
        best, seen = -1, time.monotonic()
        while True:
            finished = await self.system.finished(self.database)
            now = time.monotonic()
            if finished >= len(self.expected):
                return now
            if finished > best:
                best, seen = finished, now
            if now - seen > STALLED_S:
                await self.explain_stall(finished)
            await asyncio.sleep(POLL_S)

    async def explain_stall(self, finished: int) -> None:
        for child in self.children:
            child.check()
        raise WrongResults(
            f"{self.system.name} stalled: {finished} of {len(self.expected)} jobs ended and "
            f"nothing more for {STALLED_S:.0f} s; see {self.place.logs}"
        )

    async def verify(self) -> None:
        """Every accepted job has its own right result once, and nothing else is stored."""
        stored = await self.system.results(self.database)
        wrong = {i for i, total in self.expected.items() if stored.get(i) != total}
        strangers = stored.keys() - self.expected.keys()
        if wrong or strangers:
            raise WrongResults(
                f"{self.system.name}: {len(wrong)} of {len(self.expected)} jobs without the right "
                f"result (such as {sorted(wrong)[:3]}), {len(strangers)} results of unknown jobs"
            )


@asynccontextmanager
async def started(system: System, services: Services, logs: Path) -> AsyncIterator[Running]:
    """A running, answering system with an empty database; stopped and forgotten at the end."""
    name = "bench_" + system.name.replace(" ", "_")
    place = Place(
        services.rabbit_url, services.mongo_url, name, free_port(), logs, services.environment
    )
    async with services.client() as client:
        database: Database = client[name]
        await services.forget(system.queues, database)
        children = system.start(place)
        try:
            for child in children:
                if child.role == "gateway":
                    wait_for_port(child, place.port)
            running = Running(system, place, database, children, {})
            await running.ready()
            await machine.quiet()
            yield running
        finally:
            stop_all(children)
            await services.forget(system.queues, database)
