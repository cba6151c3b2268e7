"""Forgetting results, so that equal calls run anew."""

from fastapi import APIRouter, Request, Response

from api.answers import JSON
from api.bodies import read_object
from api.contract import operations
from api.idempotency import answered_once
from api.invalidation import Invalidation
from api.parts import Parts, PartsOf
from api.schedules import read_as
from api.views import to_json
from shared.contracts.equality import cache_slot, cache_slots_of, filled
from shared.contracts.errors import Fault, InvalidInput

router = APIRouter(tags=["jobs"])


@router.post("/v1/cache/invalidate", **operations.FORGET_RESULTS)
async def forget_results(request: Request, parts: PartsOf) -> Response:
    """Forget results, stored or still to come: equal calls from now on run anew."""
    body, value = await read_object(request)
    asked = read_as(Invalidation, value)
    begins = await _begin_of_slots(parts, asked)

    async def answer(_: object) -> Response:
        forgotten = await parts.duplicates.slots.forget(prefix=begins, tag=asked.tag)
        return Response(to_json({"forgotten": forgotten}), media_type=JSON)

    return await answered_once(request, parts.idempotency, body, answer)


async def _begin_of_slots(parts: Parts, asked: Invalidation) -> str | None:
    """Return what the slots begin with that are meant; None for those of any task."""
    if asked.task is None:
        if asked.key is not None or asked.input is not None:
            raise InvalidInput([Fault("/task", "say whose key or input it is")])
        if asked.tag is None:
            raise InvalidInput([Fault("", "say which results are meant: `task`, `tag` or both")])
        return None
    if asked.key is not None and asked.input is not None:
        raise InvalidInput([Fault("/key", "send either key or input")])
    if asked.input is None and asked.key is None:
        return cache_slots_of(asked.task)
    key = asked.key
    cache = (await parts.catalogue.get(asked.task)).cache or {}
    if key is None and cache.get("key") is not None:
        key = filled(cache["key"], asked.input)
    return cache_slot(asked.task, key, asked.input)
