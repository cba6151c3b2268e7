"""Pausing queues and tasks: nothing of them begins until they are resumed, what runs goes on."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from api.answers import JSON
from api.bodies import read_object
from api.contract import operations
from api.idempotency import answered_once
from api.parts import Parts, PartsOf
from api.pausing import Words
from api.routes.operating import queue_facts
from api.routes.tasks import task_view
from api.schedules import read_as
from api.views import to_json
from shared.contracts.errors import NotFound
from shared.contracts.submission import is_queue_name
from shared.infrastructure.pauses import Kind

router = APIRouter(tags=["operations"])


class NoWords(BaseModel):
    """No member is known."""

    model_config = ConfigDict(extra="forbid")


@router.post("/v1/queues/{queue}/pause", **operations.PAUSE_QUEUE)
async def pause_queue(request: Request, queue: str, parts: PartsOf) -> Response:
    """Let no job of a queue begin, `why` says the reason; jobs are still accepted."""
    return await _pause(request, parts, "queue", _known_form(queue), _told_of_queue)


@router.post("/v1/queues/{queue}/resume", **operations.RESUME_QUEUE)
async def resume_queue(request: Request, queue: str, parts: PartsOf) -> Response:
    """Let the jobs of a queue begin again, by priority."""
    return await _resume(request, parts, "queue", _known_form(queue), _told_of_queue)


@router.post("/v1/tasks/{task}/pause", **operations.PAUSE_TASK)
async def pause_task(request: Request, task: str, parts: PartsOf) -> Response:
    """Let no job of a task begin, `why` says the reason; jobs are still accepted."""
    await parts.catalogue.get(task)
    return await _pause(request, parts, "task", task, _told_of_task)


@router.post("/v1/tasks/{task}/resume", **operations.RESUME_TASK)
async def resume_task(request: Request, task: str, parts: PartsOf) -> Response:
    """Let the jobs of a task begin again, by priority."""
    await parts.catalogue.get(task)
    return await _resume(request, parts, "task", task, _told_of_task)


Told = Callable[[Parts, str], Awaitable[dict[str, Any]]]


async def _pause(request: Request, parts: Parts, kind: Kind, name: str, told: Told) -> Response:
    body, value = await read_object(request, optional=True)
    words: Words = read_as(Words, value)
    caller = request.scope.get("warren.caller") or None

    async def answer(_: object) -> Response:
        await parts.pausing.pause(kind, name, by=caller, why=words.why)
        return Response(to_json(await told(parts, name)), media_type=JSON)

    return await answered_once(request, parts.idempotency, body, answer)


async def _resume(request: Request, parts: Parts, kind: Kind, name: str, told: Told) -> Response:
    body, value = await read_object(request, optional=True)
    read_as(NoWords, value)

    async def answer(_: object) -> Response:
        await parts.pausing.resume(kind, name)
        return Response(to_json(await told(parts, name)), media_type=JSON)

    return await answered_once(request, parts.idempotency, body, answer)


async def _told_of_queue(parts: Parts, name: str) -> dict[str, Any]:
    return await queue_facts(parts, name)


async def _told_of_task(parts: Parts, name: str) -> dict[str, Any]:
    return task_view(await parts.catalogue.get(name), parts.held.paused)


def _known_form(queue: str) -> str:
    if not is_queue_name(queue):
        raise NotFound(f"{queue[:80]!r} cannot be the name of a queue")
    return queue
