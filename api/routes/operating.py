"""Queues and workers, for those who run the service."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.answers import JSON
from api.bodies import read_body
from api.contract import operations
from api.idempotency import answered_once
from api.parts import Parts, PartsOf
from api.problems import ProblemError
from api.views import pause_view, to_json
from shared.contracts.bands import bands_of
from shared.contracts.errors import NotFound
from shared.contracts.instants import present
from shared.infrastructure.queue_depths import MOST_COUNTED, Running, by_worker

router = APIRouter(tags=["operations"])

_MOST_SHOWN = 100  # jobs of a worker
_COUNTS = ("finished", "discarded")  # since its start

Facts = dict[str, Any]


@router.get("/v1/queues", **operations.LIST_QUEUES)
async def list_queues(parts: PartsOf) -> Response:
    """List queues: how many jobs stand in each, for how long, and who serves it."""
    waiting = await parts.depths.waiting()
    running = await parts.depths.running()
    rows = [row for row in await parts.worker_rows.read() if row["state"] == "running"]
    names = await parts.depths.queues() | waiting.keys() | {each.queue for each in running}
    names |= {entry.queue for entry in parts.catalogue.entries}
    names |= {queue for row in rows for queue in row["queues"]}
    queues = [
        {
            **await _queue(parts, name, rows),
            "waiting": waiting.get(name, 0),
            "running": sum(each.queue == name for each in running),
        }
        for name in sorted(names)
    ]
    return Response(to_json({"queues": queues, "counted_up_to": MOST_COUNTED}), media_type=JSON)


async def queue_facts(parts: Parts, name: str) -> Facts:
    """Return how one queue stands."""
    rows = [row for row in await parts.worker_rows.read() if row["state"] == "running"]
    running = await parts.depths.running()
    return {
        **await _queue(parts, name, rows),
        "waiting": (await parts.depths.waiting()).get(name, 0),
        "running": sum(each.queue == name for each in running),
    }


async def _queue(parts: Parts, name: str, rows: Sequence[Facts]) -> Facts:
    serving = [row for row in rows if name in row["queues"]]
    oldest = await parts.depths.oldest(name)
    age = None if oldest is None else max(0.0, (present() - oldest).total_seconds())
    return {
        "name": name,
        "queued": await parts.depths.queued(name),
        "oldest_queued_s": age,
        "held": any(parts.held.holds(band) for band in bands_of([name])),
        **pause_view(parts.held.paused.queues.get(name)),
        "workers": len(serving),
        "slots": sum(row["slots"] for row in serving),
    }


@router.get("/v1/workers", **operations.LIST_WORKERS)
async def list_workers(parts: PartsOf, gone: Annotated[bool, Query()] = False) -> Response:
    """List the workers that live; with `gone=true` also those that went within the last day."""
    running = by_worker(await parts.depths.running())
    rows = await parts.worker_rows.read(gone_too=gone)
    workers = [_worker(row, running.get(row["_id"], [])) for row in rows]
    return Response(to_json({"workers": workers}), media_type=JSON)


@router.post("/v1/workers/{worker_id}/drain", **operations.DRAIN_WORKER)
async def drain_worker(request: Request, worker_id: str, parts: PartsOf) -> Response:
    """Let a worker take no more jobs; what it runs may end, and then it is safe to stop."""
    body = await read_body(request)

    async def answer(_: object) -> Response:
        lived = await parts.workers.set_state(worker_id, "draining")
        row = await parts.worker_rows.get(worker_id)
        if row is None:
            raise NotFound(f"there is no worker {worker_id[:100]!r}")
        if not lived:
            raise ProblemError(
                "worker-gone", f"worker {worker_id} is {row['state']}; it cannot drain"
            )
        await parts.control.drain(worker_id)
        running = by_worker(await parts.depths.running())
        told = _worker(row, running.get(worker_id, []))
        return Response(to_json(told), status_code=202, media_type=JSON)

    return await answered_once(request, parts.idempotency, body, answer)


def _worker(row: Facts, running: Sequence[Running]) -> Facts:
    counts = row.get("counts", {})
    return {
        "id": row["_id"],
        "host": row["host"],
        "pid": row["pid"],
        "state": row["state"],
        "queues": row["queues"],
        "tasks": row["tasks"],
        "slots": row["slots"],
        "running": len(running),
        "jobs": [each.id for each in running[:_MOST_SHOWN]],
        "counts": {name: counts[name] for name in _COUNTS if name in counts},
        "started_at": row["started_at"],
        "beat_at": row["beat_at"],
        "lease_until": row["lease_until"],
        "gone_at": row.get("gone_at"),
    }
