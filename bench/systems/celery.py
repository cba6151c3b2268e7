"""FastAPI + Celery: confirmed publishes, late acks, MongoDB results with majority and journal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bench.processes import Child
from bench.systems.system import Database, Place
from bench.systems.uvicorn import gateway_command

RESULTS = "celery_taskmeta"


@dataclass(frozen=True)
class CelerySystem:
    """One Celery worker with one pool, behind one uvicorn process."""

    pool: str
    concurrency: int
    prefetch_multiplier: int
    producers: int
    endpoint: str = "sync"
    gateways: int = 1
    family: str = "celery"
    submit_path: str = "/jobs"
    queues: tuple[str, ...] = ("bench.celery",)

    @property
    def name(self) -> str:
        return f"celery {self.pool}"

    @property
    def configuration(self) -> Mapping[str, str]:
        return {
            "gateway": f"uvicorn x{self.gateways}, uvloop, httptools; {self.endpoint} endpoint, "
            f"apply_async with confirm_publish over up to {self.producers} broker connections",
            "worker": f"--pool {self.pool} --concurrency {self.concurrency}, prefetch multiplier "
            f"{self.prefetch_multiplier}, late acks, events, gossip and mingle off",
            "broker": "classic durable queue, persistent messages",
            "results": "Celery's MongoDB backend, w=majority&journal=true",
        }

    def body(self, x: int, y: int) -> bytes:
        return b'{"x":%d,"y":%d}' % (x, y)

    def start(self, place: Place) -> list[Child]:
        env = {
            "BENCH_RABBIT_URL": place.rabbit_url,
            "BENCH_RESULTS_URL": place.database_url("w=majority&journal=true"),
            "BENCH_PRODUCERS": str(self.producers),
            "BENCH_PREFETCH_MULTIPLIER": str(self.prefetch_multiplier),
            "BENCH_ENDPOINT": self.endpoint,
        }
        worker = [sys.executable, "-m", "celery", "-A", "bench.systems.celery_app:app", "worker"]
        worker += ["--pool", self.pool, "--concurrency", str(self.concurrency)]
        worker += ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
        gateway = gateway_command("bench.systems.celery_api:app", place.port, self.gateways)
        return [
            place.start("worker", worker, env),
            place.start("gateway", gateway, env),
        ]

    async def finished(self, database: Database) -> int:
        return await database[RESULTS].estimated_document_count()

    async def results(self, database: Database) -> dict[str, Any]:
        stored = database[RESULTS].find({"status": "SUCCESS"}, {"result": 1})
        return {found["_id"]: orjson.loads(found["result"]) async for found in stored}

    def result_path(self, job_id: str) -> str:
        return f"/jobs/{job_id}"
