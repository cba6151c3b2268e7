"""Submitting many jobs at once; a bad one never spoils the others."""

import asyncio
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response

from api.answers import JSON
from api.bodies import JSON_LINES, media_type, read_body, read_json
from api.contract import operations
from api.idempotency import answered_once
from api.metrics import SUBMITTED
from api.parts import Parts, PartsOf
from api.problems import ProblemError, as_problem, problem_body
from api.routes.submit import store_or_find
from api.views import answer_of, to_json
from shared.contracts.errors import Fault, InvalidInput, Malformed, WarrenError
from shared.contracts.ids import nth_id
from shared.contracts.job import Job
from shared.contracts.strict_json import parse
from shared.contracts.submission import Submission, read_submission
from shared.infrastructure.idempotency import Reservation

router = APIRouter(tags=["jobs"])

MOST_ITEMS = 10_000
_AT_ONCE = 1000


@router.post("/v1/jobs/bulk", **operations.SUBMIT_MANY)
async def submit_many(request: Request, parts: PartsOf) -> Response:
    """Accept many jobs; the answer lists, in order, an id or a problem for each."""
    body = await read_body(request)
    items = _items(request, body)

    async def answer(reservation: Reservation | None) -> Response:
        told = to_json(await _accept(parts, items, reservation))
        return Response(told, status_code=202, media_type=JSON)

    return await answered_once(request, parts.idempotency, body, answer)


async def _accept(
    parts: Parts, items: list[Any], reservation: Reservation | None
) -> dict[str, Any]:
    told: list[dict[str, Any]] = []
    jobs: list[Job] = []
    apart: list[tuple[Job, Submission, dict[str, Any]]] = []  # those that may have equals
    for index, item in enumerate(items):
        # Ids that follow from the key make it safe to store the same items twice.
        job_id = nth_id(reservation.seed, index) if reservation else None
        try:
            submission = _submission(item)
            job = await parts.acceptance.prepare(submission, job_id=job_id)
        except WarrenError as error:
            told.append({"index": index, "problem": problem_body(as_problem(error))})
        else:
            told.append({"index": index, "id": job.id})
            if job.slot is None:
                jobs.append(job)
            else:
                apart.append((job, submission, told[-1]))
    for start in range(0, len(jobs), _AT_ONCE):
        await parts.acceptance.store_new(jobs[start : start + _AT_ONCE])
    for start in range(0, len(apart), _AT_ONCE):
        await asyncio.gather(*(_admit(parts, *each) for each in apart[start : start + _AT_ONCE]))
    for job in jobs:
        SUBMITTED.labels(job.task).inc()
    accepted = len(jobs) + len(apart)
    return {"items": told, "accepted": accepted, "refused": len(told) - accepted}


async def _admit(parts: Parts, job: Job, submission: Submission, told: dict[str, Any]) -> None:
    found = await store_or_find(parts, job, submission)
    told["id"] = found.id
    told |= {name: answer for name, answer in answer_of(found).items() if answer is not None}


def _submission(item: Any) -> Submission:
    if isinstance(item, WarrenError):
        raise item
    if not isinstance(item, dict):
        raise InvalidInput([Fault("", "each item must be an object")])
    return read_submission(item)


def _items(request: Request, body: bytes) -> list[Any]:
    """Return the items; one JSON line that cannot be read stands as its own error."""
    if media_type(request) in JSON_LINES:
        items = list(_lines(body))
    else:
        items = read_json(request, body)
        if not isinstance(items, list):
            raise InvalidInput([Fault("", "the body must be an array, or JSON Lines")])
    if len(items) > MOST_ITEMS:
        raise ProblemError(
            "too-many-items", f"{len(items)} items came; send at most {MOST_ITEMS} at once"
        )
    return items


def _lines(body: bytes) -> Iterator[Any]:
    for line in body.splitlines():
        if line.strip():
            try:
                yield parse(line)
            except Malformed as error:
                yield error
