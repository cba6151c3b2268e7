"""FastAPI + Taskiq: taskiq-aio-pika with confirms, acked when saved, results in MongoDB."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bench.processes import Child
from bench.systems.system import Database, Place
from bench.systems.taskiq_results import COLLECTION
from bench.systems.uvicorn import gateway_command


@dataclass(frozen=True)
class TaskiqSystem:
    """Taskiq worker processes behind one uvicorn process, all on uvloop."""

    workers: int
    async_tasks: int
    qos: int
    queue_type: str = "classic"
    gateways: int = 1
    name: str = "taskiq"
    family: str = "taskiq"
    submit_path: str = "/jobs"
    queues: tuple[str, ...] = ("bench.taskiq", "taskiq.dead_letter")

    @property
    def configuration(self) -> Mapping[str, str]:
        return {
            "gateway": f"uvicorn x{self.gateways}, uvloop, httptools; async endpoint, kiq",
            "worker": f"--workers {self.workers} --max-async-tasks {self.async_tasks} on uvloop, "
            f"prefetch {self.qos}, acked when the result is saved",
            "broker": f"{self.queue_type} durable queue, persistent messages, publisher confirms",
            "results": "own backend on PyMongo's async client, w=majority&journal=true",
        }

    def body(self, x: int, y: int) -> bytes:
        return b'{"x":%d,"y":%d}' % (x, y)

    def start(self, place: Place) -> list[Child]:
        env = {
            "BENCH_RABBIT_URL": place.rabbit_url,
            "BENCH_RESULTS_URL": place.database_url("w=majority&journal=true"),
            "BENCH_QOS": str(self.qos),
            "BENCH_QUEUE_TYPE": self.queue_type,
        }
        worker = [sys.executable, "-m", "taskiq", "worker", "bench.systems.taskiq_app:broker"]
        worker += ["--workers", str(self.workers), "--max-async-tasks", str(self.async_tasks)]
        worker += ["--ack-type", "when_saved", "--log-level", "WARNING"]
        gateway = gateway_command("bench.systems.taskiq_api:app", place.port, self.gateways)
        return [
            place.start("worker", worker, env),
            place.start("gateway", gateway, env),
        ]

    async def finished(self, database: Database) -> int:
        return await database[COLLECTION].estimated_document_count()

    async def results(self, database: Database) -> dict[str, Any]:
        stored = database[COLLECTION].find({"failed": False}, {"result": 1})
        return {d["_id"]: orjson.loads(d["result"])["return_value"] async for d in stored}

    def result_path(self, job_id: str) -> str:
        return f"/jobs/{job_id}"
