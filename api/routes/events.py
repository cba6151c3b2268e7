"""A job's life: as a stored timeline, or live as Server-Sent Events."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from api.answers import JSON
from api.contract import operations
from api.hub import Change, Hub
from api.parts import PartsOf
from api.routes.jobs import known_form
from api.timeline import timeline
from api.views import etag, to_json

router = APIRouter(tags=["jobs"])

_KEEP_ALIVE = 15.0  # seconds between comments, so that nothing in between drops the connection
_MOST_PENDING = 256


@router.get("/v1/jobs/{job_id}/events", **operations.JOB_EVENTS)
async def job_events(request: Request, job_id: str, parts: PartsOf) -> Response:
    """Show what has happened; with `Accept: text/event-stream`, follow the job to its end."""
    known_form(job_id)
    job = await parts.reads.get(job_id)
    if "text/event-stream" not in request.headers.get("accept", ""):
        body = to_json({"events": timeline(job)})
        return Response(body, media_type=JSON, headers={"ETag": etag(job)})
    return StreamingResponse(
        _stream(parts.hub, job_id, after=last_event_id(request)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _stream(hub: Hub, job_id: str, *, after: int) -> AsyncIterator[bytes]:
    changes: asyncio.Queue[Change] = asyncio.Queue(_MOST_PENDING)
    slow = asyncio.Event()

    def take(change: Change) -> None:
        try:
            changes.put_nowait(change)
        except asyncio.QueueFull:
            slow.set()  # the client comes back with Last-Event-ID and misses no end

    async with hub.watching(job_id, take, after=after) as job:
        if job.done and changes.empty():
            return  # the end was seen before the client reconnected
        while not slow.is_set():
            try:
                async with asyncio.timeout(_KEEP_ALIVE):
                    change = await changes.get()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            yield _event(change)
            if change.job.done:
                return


def _event(change: Change) -> bytes:
    head = f"event: {change.event}\nid: {change.job.version}\ndata: ".encode()
    return head + change.body + b"\n\n"


def last_event_id(request: Request) -> int:
    """Return the last id that the caller saw of a stream, or 0."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isdigit() and len(given) < 10 else 0
