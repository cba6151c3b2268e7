"""Alive, ready, and what Prometheus reads."""

import asyncio

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.answers import JSON
from api.contract import operations
from api.parts import PartsOf
from api.views import to_json
from shared.contracts.errors import StoreUnavailable
from shared.infrastructure.mongo import translated

router = APIRouter(tags=["operations"])

_PATIENCE = 1.0  # seconds


@router.get("/healthz/live", **operations.LIVE)
async def live() -> Response:
    """Say that the event loop turns. It looks at nothing else: a restart would not mend that."""
    return Response(to_json({"status": "ok"}), media_type=JSON)


@router.get("/healthz/ready", **operations.READY)
async def ready(parts: PartsOf) -> Response:
    """Say whether this gateway can accept jobs. Without RabbitMQ it can: they run later."""
    store = await _store_answers(parts)
    body = {
        "status": "ok" if store else "unavailable",
        "checks": {"mongodb": store, "rabbitmq": parts.ringer.link.up},
    }
    return Response(to_json(body), status_code=200 if store else 503, media_type=JSON)


@router.get("/metrics", **operations.METRICS)
async def metrics() -> Response:
    """Show counters in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _store_answers(parts: PartsOf) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            with translated():
                await parts.database.command("ping")
    except (StoreUnavailable, TimeoutError):
        return False
    return True
