"""Limits: defining them, and seeing how much room they have."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from api.answers import JSON
from api.bodies import read_object
from api.contract import limit_operations as operations
from api.limit_views import limit_view
from api.parts import Parts, PartsOf
from api.views import to_json
from shared.contracts.errors import Fault, InvalidInput, NotFound
from shared.contracts.limits.definition import read_definition
from shared.contracts.limits.names import LimitName, has_holes
from shared.infrastructure.limit_documents import Limit
from shared.infrastructure.limit_lines import LimitLines
from shared.infrastructure.limits import Limits
from shared.infrastructure.queue_depths import MOST_COUNTED

router = APIRouter(tags=["limits"])

_NAME: TypeAdapter[str] = TypeAdapter(LimitName)


@router.get("/v1/limits", **operations.LIST_LIMITS)
async def list_limits(
    parts: PartsOf,
    page_size: Annotated[int, Query(ge=1, le=500)] = 50,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List limits by name: their rules, how much room they have, how many jobs wait for it."""
    found = await Limits(parts.database).page(after=after, most=page_size + 1)
    shown = await asyncio.gather(*(_view(parts, limit) for limit in found[:page_size]))
    following = found[page_size - 1].name if len(found) > page_size else None
    body = {"limits": shown, "next_after": following, "counted_up_to": MOST_COUNTED}
    return Response(to_json(body), media_type=JSON)


@router.get("/v1/limits/{name}", **operations.GET_LIMIT)
async def get_limit(name: str, parts: PartsOf) -> Response:
    """Show a limit: its room, its line, what it has learned, and its breaker."""
    limit = await Limits(parts.database).get(name)
    if limit is None:
        raise _missing(name)
    return await _shown(parts, limit)


@router.put("/v1/limits/{name}", **operations.PUT_LIMIT)
async def put_limit(request: Request, name: str, parts: PartsOf) -> Response:
    """Define a limit, or change it; at once, for all workers.

    A name that ends in `:*` is the default for every name that begins like it.
    """
    _, value = await read_object(request)
    definition = read_definition(value)
    limit, created = await Limits(parts.database).put(_checked(name), definition)
    return await _shown(parts, limit, status=201 if created else 200)


@router.delete("/v1/limits/{name}", **operations.DELETE_LIMIT)
async def delete_limit(name: str, parts: PartsOf) -> Response:
    """Forget a limit; jobs that wait for it may run."""
    if not await Limits(parts.database).remove(name):
        raise _missing(name)
    return Response(status_code=204)


async def _shown(parts: Parts, limit: Limit, *, status: int = 200) -> Response:
    return Response(to_json(await _view(parts, limit)), status_code=status, media_type=JSON)


async def _view(parts: Parts, limit: Limit) -> dict[str, Any]:
    waiting = await LimitLines(parts.database).waiting(limit.name, most=MOST_COUNTED)
    return limit_view(limit, waiting=waiting)


def _checked(name: str) -> str:
    try:
        _NAME.validate_python(name)
    except ValidationError as error:
        raise InvalidInput([Fault("/name", error.errors()[0]["msg"])]) from None
    if has_holes(name):
        raise InvalidInput(
            [Fault("/name", "holes are filled by jobs; `:*` at the end stands for all of them")]
        )
    return name


def _missing(name: str) -> NotFound:
    return NotFound(f"there is no limit {name[:100]!r}")
