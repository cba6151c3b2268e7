"""`make soak MINUTES=5`: a steady mixed load; the memory of every process must stay flat."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from bench.memory import Memory, resident
from deploy.local.services import Gateway, Worker, start_gateway, start_worker
from deploy.local.stack import Stack, open_stack

SAMPLE_EVERY = 2.0  # seconds
CLIENTS = 8
PAUSE = 0.1  # seconds, on average, between two jobs of a client
TASKS = {"WARREN_TASKS": "worker.tasks,tests.journeys.tasks", "WARREN_LOG": "json"}
SHORT_HISTORY = {"WARREN_RETENTION_S": "60"}


class Soak:
    """A running service, its clients and what was seen of it."""

    def __init__(self, stack: Stack, gateway: Gateway, worker: Worker) -> None:
        self._stack = stack
        self._gateway = gateway
        self._worker = worker
        self._dice = random.Random(1)
        self.told: Counter[str] = Counter()
        self.memories: dict[str, Memory] = {}

    async def run(self, seconds: float) -> None:
        """Load it and look at it for this long."""
        ends = time.monotonic() + seconds
        async with (
            httpx2.AsyncClient(base_url=self._gateway.url, timeout=30, trust_env=False) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(CLIENTS):
                group.create_task(self._client(http, ends))
            group.create_task(self._sample(ends))

    async def _client(self, http: httpx2.AsyncClient, ends: float) -> None:
        while time.monotonic() < ends:
            body, cancel = self._job()
            answer = await http.post("/v1/jobs", json=body, headers={"Prefer": "wait=10"})
            job = answer.json()
            self.told[f"{body['task']} {job.get('status', answer.status_code)}"] += 1
            if cancel:
                await http.post(f"/v1/jobs/{job['id']}/cancel")
            await asyncio.sleep(self._dice.uniform(0, 2 * PAUSE))

    def _job(self) -> tuple[dict[str, Any], bool]:
        number = self._dice.randrange(1000)
        kinds: list[tuple[int, str, dict[str, Any], dict[str, Any]]] = [
            (8, "math.add", {"x": number, "y": 1}, {}),
            (4, "try.double", {"number": number}, {}),
            (2, "try.threaded", {"number": number, "seconds": 0.02}, {}),
            (1, "try.process", {"number": number}, {}),
            (1, "try.steps", {"count": 2}, {}),
            (1, "try.misbehaves", {"how": "gives-up"}, {}),
            (1, "try.misbehaves", {"how": "returns-object"}, {}),
            (1, "math.add", {"x": number, "y": 2}, {"delay_s": 0.5, "tags": ["soak"]}),
        ]
        _, task, given, fields = self._dice.choices(kinds, [kind[0] for kind in kinds])[0]
        return {"task": task, "input": given, **fields}, self._dice.random() < 0.02

    async def _sample(self, ends: float) -> None:
        while time.monotonic() < ends:
            for name, pid in self._processes().items():
                if (size := resident(pid)) is not None:
                    self.memories.setdefault(name, Memory(name)).samples.append(size)
            await asyncio.sleep(SAMPLE_EVERY)

    def _processes(self) -> dict[str, int]:
        supervisor = self._worker.pid
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        named = {f"worker-{number}": int(pid) for number, pid in enumerate(children)}
        named |= {"gateway": self._gateway.pid, "supervisor": supervisor}
        return named | {server.name: server.pid for server in self._stack.servers()}


async def soak(minutes: float) -> int:
    """Run the soak and print what was seen; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_stack(Path(folder) / "stack") as stack:
            settings = {**TASKS, **SHORT_HISTORY}
            worker = await start_worker(stack, environment=settings)
            gateway = await start_gateway(stack, environment=settings)
            run = Soak(stack, gateway, worker)
            await run.run(minutes * 60)
    for kind, count in sorted(run.told.items()):
        print(f"{count:8} {kind}")
    for memory in run.memories.values():
        print(memory)
    # The database fills its cache up to the bound that it was given; that is not ours to judge.
    ours = [memory for name, memory in run.memories.items() if name != "MongoDB"]
    return 0 if all(memory.flat for memory in ours) else 1


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(soak(float(sys.argv[1]))))
