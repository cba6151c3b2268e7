"""Reading jobs: one, its result, its logs, and pages of them."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from api.answers import JSON, next_link, shown
from api.contract import operations
from api.listing import ListQuery, next_token, page_query
from api.parts import PartsOf
from api.problems import ProblemError
from api.views import etag, job_view, to_json
from api.waiting import applied, wait_for_end, wanted_wait
from shared.contracts.errors import NotFound
from shared.contracts.ids import is_id
from shared.contracts.job import Job
from shared.contracts.moves import Status

router = APIRouter(tags=["jobs"])


@router.get("/v1/jobs", **operations.LIST_JOBS)
async def list_jobs(
    request: Request, query: Annotated[ListQuery, Query()], parts: PartsOf
) -> Response:
    """List jobs, newest first unless `order=created_at`; all filters must fit."""
    size = min(query.page_size, 500)
    page = page_query(query)
    jobs = await parts.reads.page(
        page.filters, size=size + 1, newest_first=page.newest_first, after=page.after
    )
    token = next_token(query, jobs[size - 1].id) if len(jobs) > size else None
    headers = {"Link": next_link(request, token)} if token else {}
    awaited = await parts.awaiting.of(jobs[:size])
    paused = parts.held.paused
    views = [job_view(job, awaited.get(job.id), paused=paused) for job in jobs[:size]]
    body = {"jobs": views, "next_page_token": token}
    return Response(to_json(body), media_type=JSON, headers=headers)


@router.get("/v1/jobs/{job_id}", **operations.GET_JOB)
async def get_job(request: Request, job_id: str, parts: PartsOf) -> Response:
    """Show a job. `If-None-Match` answers 304; `Prefer: wait=N` waits N seconds for its end."""
    known_form(job_id)
    seconds = wanted_wait(request, most=parts.settings.max_wait_s)
    if seconds is None:
        job, headers = await parts.reads.get(job_id), {}
    else:
        job, headers = await wait_for_end(parts.hub, request, job_id, seconds), applied(seconds)
    awaited = (await parts.awaiting.of([job])).get(job_id)
    gate = None if job.lane is None else await parts.lanes.showing.gate(job)
    return shown(request, job, headers, awaited=awaited, paused=parts.held.paused, gate=gate)


@router.get("/v1/jobs/{job_id}/result", **operations.GET_RESULT)
async def get_result(request: Request, job_id: str, parts: PartsOf) -> Response:
    """Show the bare result; 202 while there is none yet, 409 if there will be none."""
    known_form(job_id)
    seconds = wanted_wait(request, most=parts.settings.max_wait_s)
    job = (
        await parts.reads.get(job_id)
        if seconds is None
        else await wait_for_end(parts.hub, request, job_id, seconds)
    )
    if not job.done:
        headers = {"Retry-After": "1", "ETag": etag(job)}
        body = to_json(job_view(job, paused=parts.held.paused))
        return Response(body, status_code=202, media_type=JSON, headers=headers)
    if job.status is not Status.SUCCEEDED or job.result is None:
        raise _no_result(job)
    return Response(job.result, media_type=JSON, headers={"ETag": etag(job)})


@router.get("/v1/jobs/{job_id}/logs", **operations.GET_LOGS)
async def get_logs(job_id: str, parts: PartsOf) -> Response:
    """Show the log lines of all attempts, oldest first."""
    known_form(job_id)
    await parts.reads.get(job_id)
    lines = [
        {
            "at": line["at"],
            "attempt": line["attempt"],
            "level": line["level"],
            "message": line["message"],
            "fields": orjson.Fragment(line["fields"]),
        }
        for line in await parts.reads.logs(job_id)
    ]
    return Response(to_json({"lines": lines}), media_type=JSON)


def known_form(job_id: str) -> None:
    """Raise NotFound for what cannot be an id of ours, without asking the database."""
    if not is_id(job_id):
        raise NotFound(f"{job_id[:80]!r} is not a job id; ids are UUIDs of version 7")


def _no_result(job: Job) -> ProblemError:
    why = job.error.message if job.error else f"it was {job.status}"
    return ProblemError(
        "job-not-succeeded",
        f"job {job.id} {job.status}: {why}",
        members={"error": job.error, "job_status": job.status},
    )
