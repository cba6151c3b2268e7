"""Workflows: submitting graphs of jobs, and reading how they stand."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.answers import JSON
from api.bodies import read_large_object
from api.contract import workflow_operations as operations
from api.idempotency import REPLAYED, answered_once, reserve, scoped_key, still_under_way
from api.metrics import WORKFLOWS
from api.parts import Parts, PartsOf
from api.problems import ProblemError
from api.routes.steering import read_nothing
from api.views import to_json
from api.waiting import applied, wanted_wait
from api.workflows.answers import accepted, shown
from api.workflows.views import Facts, new_view, plan_view
from shared.contracts.errors import Forgotten, NotFound, WarrenError
from shared.contracts.ids import is_id, new_id
from shared.contracts.instants import present
from shared.contracts.job import Status

router = APIRouter(tags=["workflows"])


@router.post("/v1/workflows", **operations.SUBMIT_WORKFLOW)
async def submit_workflow(request: Request, parts: PartsOf, dry_run: bool = False) -> Response:
    """Accept a graph of jobs: once this answers 202, it is durable and reaches an end.

    With `dry_run=true` nothing is stored: the answer is the graph as it was understood.
    """
    body, value = await read_large_object(request)
    if dry_run:
        return Response(to_json(await _planned(parts, value)), media_type=JSON)
    reservation = await reserve(request, parts.idempotency, body)
    if reservation is None:
        return await _answer(request, parts, await _store(parts, value, new_id(present())), {})
    if not reservation.is_new:
        try:
            view = await parts.workflows.showing.view(reservation.seed)
        except Forgotten:
            raise  # it has run: a second one would be another one
        except NotFound:
            still_under_way(reservation)
        else:
            return await _answer(request, parts, view, REPLAYED)
    try:
        view = await _store(parts, value, reservation.seed)
    except WarrenError:
        await parts.idempotency.release(scoped_key(request) or "")
        raise
    return await _answer(request, parts, view, {})


@router.get("/v1/workflows/{workflow_id}", **operations.GET_WORKFLOW)
async def get_workflow(request: Request, workflow_id: str, parts: PartsOf) -> Response:
    """Show a workflow and its nodes, or only counts if they are more than 1,000.

    `Prefer: wait=N` waits N seconds for its end.
    """
    known_form(workflow_id)
    seconds = wanted_wait(request, most=parts.settings.max_wait_s)
    if seconds is None:
        return shown(request, await parts.workflows.showing.view(workflow_id))
    await parts.workflows.following.wait_for_end(request, workflow_id, seconds)
    return shown(request, await parts.workflows.showing.view(workflow_id), applied(seconds))


@router.post("/v1/workflows/{workflow_id}/cancel", **operations.CANCEL_WORKFLOW)
async def cancel_workflow(request: Request, workflow_id: str, parts: PartsOf) -> Response:
    """Cancel all nodes that have not ended; those that run are asked to stop."""
    known_form(workflow_id)
    body = await read_nothing(request)

    async def answer(_: object) -> Response:
        await parts.workflows.steering.cancel(workflow_id)
        seconds = wanted_wait(request, most=parts.settings.max_wait_s)
        if seconds is not None:
            await parts.workflows.following.wait_for_end(request, workflow_id, seconds)
        view = await parts.workflows.showing.view(workflow_id)
        return _cancelled(view, {} if seconds is None else applied(seconds))

    return await answered_once(request, parts.idempotency, body, answer)


def known_form(workflow_id: str) -> None:
    """Raise NotFound for what cannot be an id of ours, without asking the database."""
    if not is_id(workflow_id):
        raise NotFound(f"{workflow_id[:80]!r} is not a workflow id; ids are UUIDs of version 7")


def _cancelled(view: Facts, headers: dict[str, str]) -> Response:
    if not view["done"] or view["status"] == Status.CANCELLED.value:
        return accepted(view, headers)
    raise ProblemError(
        "already-finished",
        f"workflow {view['id']} has already {view['status']}; it cannot be cancelled",
        members={"job_status": view["status"]},
    )


async def _planned(parts: Parts, value: dict[str, Any]) -> Facts:
    draft = await parts.workflows.submitting.draft(value)
    tasks = dict.fromkeys(node.task for node in draft.graph.nodes if node.task)
    seconds = await parts.workflows.showing.overview.usual_seconds(tasks)
    return plan_view(draft.graph, seconds)


async def _store(parts: Parts, value: dict[str, Any], workflow_id: str) -> Facts:
    draft = await parts.workflows.submitting.draft(value)
    plan = await parts.workflows.submitting.store(draft, workflow_id)
    WORKFLOWS.inc()
    return new_view(plan)


async def _answer(request: Request, parts: Parts, view: Facts, headers: dict[str, str]) -> Response:
    """Answer with a workflow as it is, or after the wait that was asked for."""
    seconds = wanted_wait(request, most=parts.settings.max_wait_s)
    if seconds is None:
        return accepted(view, headers)
    await parts.workflows.following.wait_for_end(request, view["id"], seconds)
    view = await parts.workflows.showing.view(view["id"])
    return accepted(view, headers | applied(seconds))
