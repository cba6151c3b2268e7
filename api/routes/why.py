"""Why a job is where it is."""

from fastapi import APIRouter, Response

from api import why
from api.answers import JSON
from api.contract import operations
from api.lanes.why import why_in_line
from api.parts import Parts, PartsOf
from api.routes.jobs import known_form
from api.views import etag, to_json
from shared.contracts.instants import present
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.limit_lines import LimitLines
from shared.infrastructure.limits import Limits
from shared.infrastructure.queue_depths import MOST_COUNTED

router = APIRouter(tags=["jobs"])


@router.get("/v1/jobs/{job_id}/why", **operations.WHY)
async def why_not_running(job_id: str, parts: PartsOf) -> Response:
    """Say why a job is not running: closed gates, missing workers, jobs that go before it."""
    known_form(job_id)
    job = await parts.reads.get(job_id)
    body = to_json(await _explained(parts, job))
    return Response(body, media_type=JSON, headers={"ETag": etag(job)})


async def _explained(parts: Parts, job: Job) -> why.Facts:
    if job.lane is not None:
        outlook = await parts.lanes.showing.outlook(job)
        gate = await parts.lanes.showing.gate(job)
        return why_in_line(job, outlook, gate, parts.held.paused)
    if job.status is Status.WAITING and job.because == "limit" and job.line is not None:
        ahead = await LimitLines(parts.database).ahead_of(job, most=MOST_COUNTED)
        limit = await Limits(parts.database).get(job.line)
        return why.why_limited(job, limit, ahead=ahead)
    if job.status is Status.WAITING:
        awaited = await parts.awaiting.of([job])
        return why.why_waiting(job, awaited.get(job.id), parts.held.paused)
    if job.status is Status.RUNNING:
        row = await parts.worker_rows.get(job.claim.worker) if job.claim else None
        return why.why_running(job, row)
    if job.done:
        return why.why_ended(job)
    line = why.Line(
        workers=why.workers_for(job, await parts.worker_rows.read()),
        held=parts.held.holds(job.band),
        broker_up=parts.ringer.link.up,
        ahead=await parts.depths.ahead_of(job),
        durations=await parts.depths.durations(job.queue),
        paused=parts.held.paused,
    )
    return why.why_queued(job, line, now=present())
