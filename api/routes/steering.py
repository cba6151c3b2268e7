"""What is asked of jobs that exist: to be cancelled, to run again; one or many."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.actions import read_action
from api.answers import JSON, accepted
from api.bodies import read_object
from api.contract import operations
from api.idempotency import answered_once
from api.parts import Parts, PartsOf
from api.problems import ProblemError
from api.routes.jobs import known_form
from api.views import to_json
from api.waiting import applied, wait_for_end, wanted_wait
from shared.contracts.errors import InvalidInput
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.strict_json import dump
from shared.contracts.submission import check_size, faults_of

router = APIRouter(tags=["jobs"])


class Nothing(BaseModel):
    """No member is known, so that a misspelt one is not passed over in silence."""

    model_config = ConfigDict(extra="forbid")


class Again(Nothing):
    """How a job is to run again."""

    input: dict[str, Any] | None = Field(default=None, description="another input; default: as was")


@router.post("/v1/jobs/{job_id}/cancel", **operations.CANCEL_JOB)
async def cancel_job(request: Request, job_id: str, parts: PartsOf) -> Response:
    """Cancel a job; one that runs is asked to stop, and `Prefer: wait=N` waits for what comes."""
    known_form(job_id)
    body = await read_nothing(request)

    async def answer(_: object) -> Response:
        await parts.cancelling.cancel([await parts.reads.get(job_id)])
        seconds = wanted_wait(request, most=parts.settings.max_wait_s)
        if seconds is None:
            return _cancelled(parts, await parts.reads.get(job_id))
        job = await wait_for_end(parts.hub, request, job_id, seconds)
        return _cancelled(parts, job, applied(seconds))

    return await answered_once(request, parts.idempotency, body, answer)


@router.post("/v1/jobs/{job_id}/retry", **operations.RETRY_JOB)
async def retry_job(request: Request, job_id: str, parts: PartsOf) -> Response:
    """Run an ended job again under the same id, perhaps with another input; history is kept."""
    known_form(job_id)
    body, value = await read_object(request, optional=True)
    again = _read(Again, value)

    async def answer(_: object) -> Response:
        job = await parts.reads.get(job_id)
        if job.is_node:
            raise _part_of_a_workflow(job)
        text = None if again.input is None else await _new_input(parts, job, again.input)
        running = await parts.rerunning.again(job, input_text=text)
        if running is None:
            now = await parts.reads.get(job_id)
            raise ProblemError(
                "not-finished",
                f"job {job_id} is {now.status}; it has not ended",
                members={"job_status": now.status},
            )
        return accepted(running, status_code=202, paused=parts.held.paused)

    return await answered_once(request, parts.idempotency, body, answer)


@router.post("/v1/actions", **operations.ACT)
async def act(request: Request, parts: PartsOf) -> Response:
    """Cancel, retry or delete many jobs, named by ids or described by a filter."""
    body, value = await read_object(request)
    action = read_action(value)

    async def answer(_: object) -> Response:
        return Response(to_json(await parts.actions.run(action)), media_type=JSON)

    return await answered_once(request, parts.idempotency, body, answer)


def _part_of_a_workflow(job: Job) -> ProblemError:
    return ProblemError(
        "part-of-workflow",
        f"job {job.id} is the node {job.node!r} of workflow {job.workflow_id}; "
        f"POST /v1/workflows/{job.workflow_id}/rerun runs it again, with all that depends on it",
        members={"job_status": job.status},
    )


async def read_nothing(request: Request) -> bytes:
    """Return a body that says nothing; raise InvalidInput if it does."""
    body, value = await read_object(request, optional=True)
    _read(Nothing, value)
    return body


def _cancelled(parts: Parts, job: Job, headers: Mapping[str, str] = {}) -> Response:
    if not job.done or job.status is Status.CANCELLED:
        return accepted(job, headers, paused=parts.held.paused)
    raise ProblemError(
        "already-finished",
        f"job {job.id} has already {job.status}; it cannot be cancelled",
        members={"job_status": job.status},
    )


async def _new_input(parts: Parts, job: Job, value: dict[str, Any]) -> str:
    """Return an input as it is stored; raise UnknownTask or InvalidInput."""
    await parts.catalogue.get(job.task)
    parts.catalogue.check(job.task, value, at="/input")
    text = dump(value)
    check_size(text, job.metadata)
    return text


def _read(model: type[Any], value: Any) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(faults_of(error.errors())) from None
