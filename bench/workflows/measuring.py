"""Runs one workflow and reads from MongoDB when it had ended, and how long each hand-over took."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import orjson
from pymongo.read_concern import ReadConcern

from bench import machine
from bench.http import Pool, request_bytes
from bench.running import HOST, STALLED_S, Running, WrongResults
from bench.systems.celery import RESULTS
from bench.workflows.shapes import Shape

POLL_S = 0.01
_DURABLE = ReadConcern("majority")  # what no loss of the primary can take back


@dataclass(frozen=True)
class Measured:
    """How long one workflow took, from just before its submission to its stored end."""

    system: str
    shape: str
    nodes: int
    seconds: float
    hand_over_ms: float | None = None  # median from a job's stored end to the next one's start

    @property
    def per_node_ms(self) -> float:
        """What a node cost, all told."""
        return 1000 * self.seconds / self.nodes

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "per_node_ms": self.per_node_ms}


async def measure(running: Running, shape: Shape) -> Measured:
    """Run a workflow once, on a machine that has come to rest; raise WrongResults."""
    await machine.quiet()
    measured = _of_warren if running.system.family == "warren" else _of_celery
    async with asyncio.timeout(4 * STALLED_S):
        return await measured(running, shape)


async def _of_warren(running: Running, shape: Shape) -> Measured:
    request = request_bytes("POST", "/v1/workflows", orjson.dumps(shape.document(shape.size)))
    began = time.monotonic()
    workflow_id = await _posted(running, request)
    ended = {"_id": workflow_id, "status": {"$ne": "running"}}
    await _until_stored(running, "graphs", ended)
    seconds = time.monotonic() - began
    pool = Pool(HOST, running.place.port)
    answer = await pool.request(request_bytes("GET", f"/v1/workflows/{workflow_id}", b""))
    pool.close()
    _check(running, shape, orjson.loads(answer.body)["result"])
    hand_over = await _hand_over(running, workflow_id) if shape.kind == "chain" else None
    return Measured(running.system.name, shape.name, shape.nodes, seconds, hand_over)


async def _of_celery(running: Running, shape: Shape) -> Measured:
    path = f"/workflows/{shape.kind}/{shape.size}"
    began = time.monotonic()
    result_id = await _posted(running, request_bytes("POST", path, b"{}"))
    found = await _until_stored(running, RESULTS, {"_id": result_id, "status": "SUCCESS"})
    seconds = time.monotonic() - began
    _check(running, shape, orjson.loads(found["result"]))
    return Measured(running.system.name, shape.name, shape.nodes, seconds)


async def _until_stored(running: Running, collection: str, ended: dict[str, Any]) -> dict[str, Any]:
    stored = running.database.get_collection(collection, read_concern=_DURABLE)
    while True:
        if found := await stored.find_one(ended):
            return found
        await asyncio.sleep(POLL_S)


async def _posted(running: Running, request: bytes) -> str:
    pool = Pool(HOST, running.place.port)
    answer = await pool.request(request)
    pool.close()
    if answer.status != 202:
        raise WrongResults(f"{running.system.name} answered {answer.status}: {answer.body[:300]!r}")
    given: str = orjson.loads(answer.body)["id"]
    return given


def _check(running: Running, shape: Shape, value: Any) -> None:
    if value != shape.value:
        raise WrongResults(f"{running.system.name}: {shape.name} gave {value!r}, not {shape.value}")


async def _hand_over(running: Running, workflow_id: str) -> float:
    shown = {"started_at": 1, "finished_at": 1}
    jobs = running.database["jobs"].find({"workflow_id": workflow_id}, shown).sort("_id", 1)
    times = [(job["started_at"], job["finished_at"]) async for job in jobs]
    gaps: list[float] = [
        (after[0] - before[1]).total_seconds() * 1000 for before, after in pairwise(times)
    ]
    return median(gaps)
