"""Lanes: who has a key, who waits for it, and what an operator does about it."""

import base64
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.answers import JSON
from api.bodies import read_object
from api.contract import lane_operations as operations
from api.contract.lane_shapes import LaneNote
from api.idempotency import answered_once
from api.lanes.steering import MOST_DRAINED
from api.listing import Paged
from api.parts import PartsOf
from api.schedules import read_as
from api.views import to_json
from shared.contracts.errors import BadPageToken, NotFound
from shared.contracts.instants import present
from shared.contracts.keys import LONGEST

router = APIRouter(tags=["lanes"])


class LaneQuery(Paged):
    """The query parameters of a list of lanes."""

    held: bool | None = None


@router.get("/v1/lanes", **operations.LIST_LANES)
async def list_lanes(query: Annotated[LaneQuery, Query()], parts: PartsOf) -> Response:
    """List the lanes that are in use, in order of their keys."""
    size = min(query.page_size, 500)
    after = _key_of(query.page_token) if query.page_token else ""
    lanes = await parts.lanes.showing.page(held=query.held, after=after, most=size + 1)
    token = _token_of(lanes[size - 1]["key"]) if len(lanes) > size else None
    return _shown({"lanes": lanes[:size], "next_page_token": token})


@router.post("/v1/lanes/{key:path}/hold", **operations.HOLD_LANE)
async def hold_lane(request: Request, key: str, parts: PartsOf) -> Response:
    """Let nobody in until the lane is resumed; what has the key goes on."""

    async def hold(note: str | None) -> dict[str, Any]:
        by = request.scope.get("warren.caller") or None
        await parts.lanes.steering.hold(key, by=by, note=note, at=present())
        return {}

    return await _steer(request, key, parts, hold)


@router.post("/v1/lanes/{key:path}/resume", **operations.RESUME_LANE)
async def resume_lane(request: Request, key: str, parts: PartsOf) -> Response:
    """Let jobs in again."""

    async def resume(_: str | None) -> dict[str, Any]:
        await parts.lanes.steering.resume(key)
        return {}

    return await _steer(request, key, parts, resume)


@router.post("/v1/lanes/{key:path}/drain", **operations.DRAIN_LANE)
async def drain_lane(request: Request, key: str, parts: PartsOf) -> Response:
    """Cancel every job that stands in line for a key; what has the key goes on."""

    async def drain(_: str | None) -> dict[str, Any]:
        cancelled = await parts.lanes.steering.drain(key)
        return {"cancelled": cancelled, "more": cancelled >= MOST_DRAINED}

    return await _steer(request, key, parts, drain)


@router.get("/v1/lanes/{key:path}", **operations.GET_LANE)
async def get_lane(key: str, parts: PartsOf) -> Response:
    """Show who has a key, for how long, and who waits for it."""
    return _shown(await parts.lanes.showing.lane(_known_form(key)))


Steered = Callable[[str | None], Awaitable[dict[str, Any]]]


async def _steer(request: Request, key: str, parts: PartsOf, step: Steered) -> Response:
    """Do a step once for an Idempotency-Key, and answer with the lane as it is then."""
    _known_form(key)
    body, value = await read_object(request, optional=True)
    note = read_as(LaneNote, value).note

    async def answer(_: object) -> Response:
        added = await step(note)
        return _shown(await parts.lanes.showing.lane(key) | added)

    return await answered_once(request, parts.idempotency, body, answer)


def _shown(value: Any) -> Response:
    return Response(to_json(value), media_type=JSON)


def _known_form(key: str) -> str:
    """Return a key that some job could have; raise NotFound for any other text."""
    if not key or len(key) > LONGEST or any(ord(c) < 0x20 or c == "\x7f" for c in key):
        raise NotFound(f"{key[:80]!r} is no key; keys have 1 to {LONGEST} characters")
    return key


def _token_of(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _key_of(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        raise BadPageToken("this page_token is none of a list of lanes") from None
