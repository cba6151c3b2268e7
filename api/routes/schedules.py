"""Schedules: making, reading and changing them, and submitting their jobs out of turn."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.answers import JSON, accepted
from api.bodies import read_body, read_json
from api.contract import schedule_operations as operations
from api.idempotency import answered_once
from api.listing import next_token, read_token
from api.metrics import SUBMITTED
from api.parts import Parts, PartsOf
from api.schedule_views import run_view, schedule_view
from api.schedules import Backfill, Note, ScheduleQuery, read_as
from api.scheduling import Scheduling
from api.views import to_json
from shared.contracts.errors import Fault, InvalidInput, NotFound
from shared.contracts.ids import is_id
from shared.contracts.schedule import Schedule
from shared.infrastructure.idempotency import Reservation

router = APIRouter(tags=["schedules"])

_RUNS = 10


@router.post("/v1/schedules", **operations.CREATE_SCHEDULE)
async def create_schedule(request: Request, parts: PartsOf) -> Response:
    """Make a schedule: from now on it submits a job at each of its nominal times."""
    body = await read_body(request)
    value = _object(read_json(request, body))

    async def answer(reservation: Reservation | None) -> Response:
        seed = reservation.seed if reservation else None
        schedule = await _scheduling(parts).create(value, schedule_id=seed)
        headers = {"Location": f"/v1/schedules/{schedule.id}"}
        return _shown(schedule, status=201, headers=headers)

    return await answered_once(request, parts.idempotency, body, answer)


@router.get("/v1/schedules", **operations.LIST_SCHEDULES)
async def list_schedules(
    request: Request, query: Annotated[ScheduleQuery, Query()], parts: PartsOf
) -> Response:
    """List schedules, newest first; all filters must fit."""
    size = min(query.page_size, 500)
    asked = {"name": query.name, "task": query.task, "paused": query.paused}
    found = await _scheduling(parts).store.page(
        {name: value for name, value in asked.items() if value is not None},
        size=size + 1,
        after=read_token(query) if query.page_token is not None else None,
    )
    token = next_token(query, found[size - 1].id) if len(found) > size else None
    shown = {"schedules": list(map(schedule_view, found[:size])), "next_page_token": token}
    headers = {}
    if token:
        following = request.url.include_query_params(page_token=token).query
        headers["Link"] = f'</v1/schedules?{following}>; rel="next"'
    return Response(to_json(shown), media_type=JSON, headers=headers)


@router.get("/v1/schedules/{schedule_id}", **operations.GET_SCHEDULE)
async def get_schedule(schedule_id: str, parts: PartsOf) -> Response:
    """Show a schedule, what it has done, and the jobs of its last nominal times."""
    scheduling = _scheduling(parts)
    schedule = await scheduling.store.get(_known_form(schedule_id))
    runs = await scheduling.jobs.latest(schedule_id, most=_RUNS)
    shown = schedule_view(schedule) | {"runs": list(map(run_view, runs))}
    return Response(to_json(shown), media_type=JSON)


@router.put("/v1/schedules/{schedule_id}", **operations.PUT_SCHEDULE)
async def put_schedule(request: Request, schedule_id: str, parts: PartsOf) -> Response:
    """Give a schedule another definition. A new rule starts from now; the counts stay."""
    value = _object(read_json(request, await read_body(request)))
    return _shown(await _scheduling(parts).put(_known_form(schedule_id), value))


@router.patch("/v1/schedules/{schedule_id}", **operations.PATCH_SCHEDULE)
async def patch_schedule(request: Request, schedule_id: str, parts: PartsOf) -> Response:
    """Change some fields (JSON merge patch, RFC 7396): null gives a field its default."""
    value = _object(read_json(request, await read_body(request)))
    return _shown(await _scheduling(parts).patch(_known_form(schedule_id), value))


@router.delete("/v1/schedules/{schedule_id}", **operations.DELETE_SCHEDULE)
async def delete_schedule(schedule_id: str, parts: PartsOf) -> Response:
    """Forget a schedule. The jobs that it has submitted stay."""
    if not await _scheduling(parts).store.remove(_known_form(schedule_id)):
        raise NotFound(f"there is no schedule {schedule_id}")
    return Response(status_code=204)


@router.post("/v1/schedules/{schedule_id}/pause", **operations.PAUSE_SCHEDULE)
async def pause_schedule(request: Request, schedule_id: str, parts: PartsOf) -> Response:
    """Submit nothing until it is resumed; what waits for an earlier job is skipped."""
    note = read_as(Note, await _optional(request)).note
    return _shown(await _scheduling(parts).pause(_known_form(schedule_id), note))


@router.post("/v1/schedules/{schedule_id}/resume", **operations.RESUME_SCHEDULE)
async def resume_schedule(request: Request, schedule_id: str, parts: PartsOf) -> Response:
    """Submit again from now on; times that passed in the pause are not made up for."""
    note = read_as(Note, await _optional(request)).note
    return _shown(await _scheduling(parts).resume(_known_form(schedule_id), note))


@router.post("/v1/schedules/{schedule_id}/trigger", **operations.TRIGGER_SCHEDULE)
async def trigger_schedule(request: Request, schedule_id: str, parts: PartsOf) -> Response:
    """Submit one of its jobs now, whatever its overlap policy, even while it is paused."""
    body = await read_body(request)

    async def answer(reservation: Reservation | None) -> Response:
        job = await _scheduling(parts).trigger(
            _known_form(schedule_id), job_id=reservation.seed if reservation else None
        )
        SUBMITTED.labels(job.task).inc()
        return accepted(job, paused=parts.held.paused)

    return await answered_once(request, parts.idempotency, body, answer)


@router.get("/v1/schedules/{schedule_id}/preview", **operations.PREVIEW_SCHEDULE)
async def preview_schedule(
    schedule_id: str, parts: PartsOf, n: Annotated[int, Query(ge=1, le=1000)] = 10
) -> Response:
    """Show the next nominal times, with a note wherever the clocks are changed."""
    scheduling = _scheduling(parts)
    schedule = await scheduling.store.get(_known_form(schedule_id))
    now = await scheduling.store.now()
    fires = schedule.fires(after=max(schedule.cursor, now), until=None, most=n)
    times = [{"at": f.at} | ({"note": f.note} if f.note else {}) for f in fires]
    return Response(to_json({"times": times}), media_type=JSON)


@router.post("/v1/schedules/{schedule_id}/backfill", **operations.BACKFILL_SCHEDULE)
async def backfill_schedule(request: Request, schedule_id: str, parts: PartsOf) -> Response:
    """Submit jobs for the past nominal times of a range that have none."""
    body = await read_body(request)
    asked = read_as(Backfill, _object(read_json(request, body)))

    async def answer(_: Reservation | None) -> Response:
        submitted = await _scheduling(parts).backfill(_known_form(schedule_id), asked)
        return Response(to_json({"submitted": submitted}), status_code=202, media_type=JSON)

    return await answered_once(request, parts.idempotency, body, answer)


def _scheduling(parts: Parts) -> Scheduling:
    return Scheduling(parts.database, parts.catalogue, parts.acceptance)


def _shown(schedule: Schedule, *, status: int = 200, headers: Mapping[str, str] = {}) -> Response:
    shown = to_json(schedule_view(schedule))
    return Response(shown, status_code=status, media_type=JSON, headers=headers)


async def _optional(request: Request) -> Any:
    """Return the value of a body that may be missing."""
    body = await read_body(request)
    return _object(read_json(request, body)) if body else {}


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput([Fault("", "the body must be an object")])
    return value


def _known_form(schedule_id: str) -> str:
    """Raise NotFound for what cannot be an id of ours, without asking the database."""
    if not is_id(schedule_id):
        raise NotFound(f"{schedule_id[:80]!r} is not a schedule id; ids are UUIDs of version 7")
    return schedule_id
