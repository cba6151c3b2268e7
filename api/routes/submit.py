"""Submitting one job."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.answers import accepted
from api.bodies import read_body, read_json, read_object
from api.contract import operations
from api.idempotency import REPLAYED, reserve, scoped_key, still_under_way
from api.metrics import SUBMITTED
from api.parts import Parts, PartsOf
from api.waiting import applied, wait_for_end, wanted_wait
from shared.contracts.errors import Forgotten, NotFound, WarrenError
from shared.contracts.job import Job
from shared.contracts.submission import Options, read_options, read_submission

router = APIRouter(tags=["jobs"])


@router.post("/v1/jobs", **operations.SUBMIT_JOB)
async def submit_job(request: Request, parts: PartsOf) -> Response:
    """Accept a job: once this answers 202, the job is durable and reaches an end."""
    body, value = await read_object(request)
    submission = read_submission(value)

    async def prepare(job_id: str | None) -> Job:
        return await parts.acceptance.prepare(submission, job_id=job_id)

    return await _accept(request, parts, body, prepare)


@router.post("/v1/tasks/{task}/jobs", **operations.SUBMIT_INPUT)
async def submit_input(request: Request, task: str, parts: PartsOf) -> Response:
    """Accept a job of this task: the body is its input, options are query parameters."""
    body = await read_body(request)
    value = read_json(request, body)
    options = _options(request)

    async def prepare(job_id: str | None) -> Job:
        return await parts.acceptance.prepare_input(task, value, options, job_id=job_id)

    return await _accept(request, parts, body, prepare)


async def _accept(request: Request, parts: Parts, body: bytes, prepare: Any) -> Response:
    reservation = await reserve(request, parts.idempotency, body)
    if reservation is None:
        job = await _store(parts, await prepare(None))
        return await _answer(request, parts, job, {})
    if not reservation.is_new:
        try:
            job = await parts.reads.get(reservation.seed)
        except Forgotten:
            raise  # it has run: a second job would be another one
        except NotFound:
            still_under_way(reservation)
        else:
            return await _answer(request, parts, job, REPLAYED)
    try:
        job = await prepare(reservation.seed)
    except WarrenError:
        await parts.idempotency.release(scoped_key(request) or "")
        raise
    return await _answer(request, parts, await _store(parts, job), {})


async def _store(parts: Parts, job: Job) -> Job:
    await parts.acceptance.store([job])
    SUBMITTED.labels(job.task).inc()
    return job


async def _answer(request: Request, parts: Parts, job: Job, headers: dict[str, str]) -> Response:
    seconds = wanted_wait(request, most=parts.settings.max_wait_s)
    if seconds is None:
        return accepted(job, headers)
    job = await wait_for_end(parts.hub, request, job.id, seconds)
    return accepted(job, headers | applied(seconds))


def _options(request: Request) -> Options:
    """Return the options of a query; `retry.max_attempts=5` stands for a member of `retry`."""
    given: dict[str, Any] = {}
    retry: dict[str, str] = {}
    for name in request.query_params:
        values = request.query_params.getlist(name)
        if name.startswith("retry."):
            retry[name.removeprefix("retry.")] = values[-1]
        else:
            given[name] = values if name == "tags" else values[-1]
    if retry:
        given.setdefault("retry", retry)  # a bare `retry` is refused, as it is no object
    return read_options(given)
