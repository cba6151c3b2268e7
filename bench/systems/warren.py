"""Warren as `make run` runs it: one gateway, one worker with one process, default settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bench.processes import Child
from bench.systems.system import Database, Place

NAMESPACE = "bench"
JOBS = "jobs"
UNFINISHED = {"status": {"$in": ["waiting", "queued", "running"]}}


@dataclass(frozen=True)
class WarrenSystem:
    """One gateway and one worker, with one of the two MongoDB drivers."""

    driver: str
    family: str = "warren"
    submit_path: str = "/v1/jobs"
    queues: tuple[str, ...] = (f"{NAMESPACE}.jobs.default", f"{NAMESPACE}.jobs.math")
    keys: int = 0  # each job has one of so many; none if 0

    @property
    def name(self) -> str:
        return f"warren {self.driver}" + (f" {self.keys} keys" if self.keys else "")

    @property
    def configuration(self) -> Mapping[str, str]:
        return {
            "gateway": "python -m api, one process",
            "worker": "python -m worker, WARREN_PROCESSES=1, default slots",
            "broker": "queues and bells as Warren declares them",
            "results": f"WARREN_MONGO_DRIVER={self.driver}, majority and journal",
        }

    def body(self, x: int, y: int) -> bytes:
        if self.keys:
            given = (x, y, (x * 31 + y) % self.keys)
            return b'{"task":"math.add","input":{"x":%d,"y":%d},"key":"customer:%d"}' % given
        return b'{"task":"math.add","input":{"x":%d,"y":%d}}' % (x, y)

    def start(self, place: Place) -> list[Child]:
        env = {
            "WARREN_RABBIT_URL": place.rabbit_url,
            "WARREN_MONGO_URL": place.mongo_url,
            "WARREN_MONGO_DB": place.database,
            "WARREN_MONGO_DRIVER": self.driver,
            "WARREN_NAMESPACE": NAMESPACE,
            "WARREN_TASKS": "worker.tasks,bench.systems.warren_tasks",
            "WARREN_HOST": "127.0.0.1",
            "WARREN_PORT": str(place.port),
            "WARREN_PROCESSES": "1",
        }
        return [
            place.start("worker", [sys.executable, "-m", "worker"], env),
            place.start("gateway", [sys.executable, "-m", "api"], env),
        ]

    async def finished(self, database: Database) -> int:
        stored = await database[JOBS].estimated_document_count()
        return stored - await database[JOBS].count_documents(UNFINISHED)

    async def results(self, database: Database) -> dict[str, Any]:
        stored = database[JOBS].find({"status": "succeeded"}, {"result": 1})
        return {found["_id"]: orjson.loads(found["result"]) async for found in stored}

    def result_path(self, job_id: str) -> str:
        return f"/v1/jobs/{job_id}"
