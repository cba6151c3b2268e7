"""A running service for one test or many: gateway, worker, and ways to look at it from outside."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx2
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from deploy.local.services import Gateway, Worker, make_gateway, make_worker
from deploy.local.stack import Stack
from tests.eventually import eventually

Document = dict[str, Any]

TASKS = (
    "worker.tasks",
    "tests.journeys.tasks",
    "tests.journeys.limit_tasks",
    "examples.paginated",
)


@dataclass(frozen=True)
class Service:
    """Everything a journey needs."""

    stack: Stack
    gateway: Gateway
    worker: Worker
    http: httpx2.AsyncClient
    database: AsyncDatabase[Document]
    environment: dict[str, str]

    async def submit(self, task: str, given: Document, **fields: Any) -> Document:
        """Submit a job and return it as the gateway answered."""
        answer = await self.http.post("/v1/jobs", json={"task": task, "input": given, **fields})
        assert answer.status_code == 202, answer.text
        job: Document = answer.json()
        return job

    async def end_of(self, job_id: str, *, within: float = 30) -> Document:
        """Return a job once it has ended."""
        answer = await self.http.get(
            f"/v1/jobs/{job_id}", headers={"Prefer": f"wait={within:g}"}, timeout=within + 10
        )
        job: Document = answer.json()
        assert job.get("done"), f"not ended within {within} s: {job}"
        return job

    async def run(self, task: str, given: Document, **fields: Any) -> Document:
        """Submit a job and return it once it has ended."""
        return await self.end_of((await self.submit(task, given, **fields))["id"])

    async def worker_processes(self) -> list[int]:
        """Return the pids of the live processes that run jobs."""
        rows = await self.database.workers.find({"state": "running"}).to_list(None)
        return [row["pid"] for row in rows]

    async def kill_worker_processes(self) -> int:
        """SIGKILL every process that runs jobs; return how many."""
        pids = await self.worker_processes()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    async def unfinished(self) -> int:
        """Count jobs that have not reached an end."""
        return await self.database.jobs.count_documents(
            {"status": {"$in": ["waiting", "queued", "running"]}}
        )

    async def all_ended(self, *, within: float) -> None:
        """Wait until no job is left to run."""

        async def none_left() -> bool:
            return await self.unfinished() == 0

        await eventually(none_left, within=within)


@asynccontextmanager
async def open_service(
    stack: Stack, name: str, environment: dict[str, str] | None = None
) -> AsyncIterator[Service]:
    """Start a gateway and a worker with a database and a namespace of their own."""
    added = {
        "WARREN_MONGO_DB": name,
        "WARREN_NAMESPACE": name,
        "WARREN_TASKS": ",".join(TASKS),
        "WARREN_HTTP_ALLOW_PRIVATE": "1",
        "WARREN_GRACE_S": "5",
        "WARREN_LOG": "console",
        **(environment or {}),
    }
    async with AsyncExitStack() as exits:
        worker = make_worker(stack, environment=added, name=f"{name}-worker")
        gateway = make_gateway(stack, environment=added, name=f"{name}-gateway")
        for part in (worker, gateway):
            exits.push_async_callback(part.close, in_good_order=False)
        async with asyncio.TaskGroup() as group:
            for part in (worker, gateway):
                group.create_task(part.start())
        client: AsyncMongoClient[Document] = AsyncMongoClient(stack.mongo_url)
        exits.push_async_callback(client.close)
        http = httpx2.AsyncClient(base_url=gateway.url, timeout=30)
        await exits.enter_async_context(http)

        async def tasks_are_known() -> bool:
            answer = await http.get("/v1/tasks")
            return answer.status_code == 401 or answer.json()["tasks"] != []

        await eventually(tasks_are_known)  # the gateway may have started first
        yield Service(stack, gateway, worker, http, client[name], added)
