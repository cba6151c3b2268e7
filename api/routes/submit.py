"""Submitting one job."""

from collections import defaultdict
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from api.answers import accepted
from api.bodies import read_body, read_json, read_object
from api.contract import operations
from api.duplicates import answered
from api.idempotency import REPLAYED, holding, reserve, take_over
from api.metrics import SUBMITTED
from api.parts import Parts, PartsOf
from api.views import to_json
from api.waiting import applied, wait_for_end, wanted_wait
from shared.contracts.errors import Forgotten, NotFound
from shared.contracts.job import Job
from shared.contracts.submission import Options, read_options, read_submission
from shared.infrastructure.idempotency import Reservation

router = APIRouter(tags=["jobs"])

_GROUPS = ("retry", "cache", "unique")
_LISTS = ("tags", "key", "unique.by", "unique.replace")


@router.post("/v1/jobs", **operations.SUBMIT_JOB)
async def submit_job(request: Request, parts: PartsOf) -> Response:
    """Accept a job: once this answers 202, the job is durable and reaches an end."""
    body, value = await read_object(request)
    submission = read_submission(value)

    async def prepare(job_id: str | None) -> Job:
        return await parts.acceptance.prepare(submission, job_id=job_id)

    return await _accept(request, parts, body, prepare, submission)


@router.post("/v1/tasks/{task}/jobs", **operations.SUBMIT_INPUT)
async def submit_input(request: Request, task: str, parts: PartsOf) -> Response:
    """Accept a job of this task: the body is its input, options are query parameters."""
    body = await read_body(request)
    value = read_json(request, body)
    options = _options(request)

    async def prepare(job_id: str | None) -> Job:
        return await parts.acceptance.prepare_input(task, value, options, job_id=job_id)

    return await _accept(request, parts, body, prepare, options)


async def _accept(
    request: Request, parts: Parts, body: bytes, prepare: Any, options: Options
) -> Response:
    reservation = await reserve(request, parts.idempotency, body)
    if reservation is None:
        job = await store_or_find(parts, await prepare(None), options)
        return await _answer(request, parts, job, {})
    if not reservation.is_new:
        try:
            job = await _first_answer(parts, reservation)
        except Forgotten:
            raise  # it has run: a second job would be another one
        except NotFound:
            reservation = await take_over(parts.idempotency, reservation)
        else:
            return await _answer(request, parts, job, REPLAYED)
    async with holding(parts.idempotency, reservation):
        job = await prepare(reservation.seed)
        found = await store_or_find(parts, job, options)
        if found.id != job.id and found.slot is not None:
            kept = to_json({"id": found.id, "answer": found.slot.answer}).decode()
            await parts.idempotency.keep_answer(reservation.key, kept)
    return await _answer(request, parts, found, {})


async def store_or_find(parts: Parts, job: Job, options: Options) -> Job:
    """Store the job of a submission and return it, or the equal one that answers it."""
    if job.slot is None:
        [found] = await parts.acceptance.store_new([job])
    else:
        found = await parts.duplicates.admit(job, await parts.acceptance.rule(job.task, options))
    if found.id == job.id:
        SUBMITTED.labels(job.task).inc()
    return found


async def _first_answer(parts: Parts, reservation: Reservation) -> Job:
    """Return the job that was the answer to the first request with an Idempotency-Key."""
    if reservation.answer is None:
        return await parts.reads.get(reservation.seed)
    kept = orjson.loads(reservation.answer)
    return answered(await parts.reads.get(kept["id"]), kept["answer"])


async def _answer(request: Request, parts: Parts, job: Job, headers: dict[str, str]) -> Response:
    seconds = wanted_wait(request, most=parts.settings.max_wait_s)
    if seconds is None:
        return accepted(job, headers, paused=parts.held.paused)
    answer = job.slot.answer if job.slot else None
    job = answered(await wait_for_end(parts.hub, request, job.id, seconds), answer)
    return accepted(job, headers | applied(seconds), paused=parts.held.paused)


def _options(request: Request) -> Options:
    """Return the options of a query.

    `retry.max_attempts=5` stands for a member of `retry`, several `key=` for a list.
    """
    given: dict[str, Any] = {}
    members: dict[str, dict[str, Any]] = defaultdict(dict)
    for name in request.query_params:
        values = request.query_params.getlist(name)
        value: Any = values if name in _LISTS else values[-1]
        group, _, member = name.partition(".")
        if group in _GROUPS and member:
            members[group][member] = value
        else:
            given[name] = value
    for group, said in members.items():
        given.setdefault(group, said)  # a bare `retry` is refused, as it is no object
    return read_options(given)
