"""Workflows: submitting graphs of jobs, and reading how they stand."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.answers import JSON, next_link
from api.bodies import JSON_LINES, read_large_object
from api.contract import workflow_operations as operations
from api.idempotency import REPLAYED, answered_once, holding, reserve, scoped_key, take_over
from api.listing import Paged, next_token, read_token
from api.metrics import WORKFLOWS
from api.parts import Parts, PartsOf
from api.problems import ProblemError
from api.routes.events import last_event_id
from api.routes.steering import read_nothing
from api.schedules import read_as
from api.views import to_json
from api.waiting import applied, wanted_wait
from api.workflows.answers import accepted, shown
from api.workflows.events import event_stream
from api.workflows.listing import (
    WorkflowQuery,
    next_node_token,
    read_node_place,
    workflow_filters,
)
from api.workflows.steering import Rerun, Skip
from api.workflows.views import Facts, new_view, plan_view, summary
from shared.contracts.errors import Forgotten, NotFound
from shared.contracts.ids import is_id, new_id
from shared.contracts.moves import Status

router = APIRouter(tags=["workflows"])


@router.post("/v1/workflows", **operations.SUBMIT_WORKFLOW)
async def submit_workflow(request: Request, parts: PartsOf, dry_run: bool = False) -> Response:
    """Accept a graph of jobs: once this answers 202, it is durable and reaches an end.

    With `dry_run=true` nothing is stored: the answer is the graph as it was understood.
    """
    body, value = await read_large_object(request)
    if dry_run:
        scoped_key(request)  # of no use here; a bad one is refused all the same
        return Response(to_json(await _planned(parts, value)), media_type=JSON)
    reservation = await reserve(request, parts.idempotency, body)
    if reservation is None:
        return await _answer(request, parts, await _store(parts, value, None), {})
    if not reservation.is_new:
        try:
            view = await parts.workflows.showing.view(reservation.seed)
        except Forgotten:
            raise  # it has run: a second one would be another one
        except NotFound:
            reservation = await take_over(parts.idempotency, reservation)
        else:
            return await _answer(request, parts, view, REPLAYED)
    async with holding(parts.idempotency, reservation):
        view = await _store(parts, value, reservation.seed)
    return await _answer(request, parts, view, {})


@router.get("/v1/workflows", **operations.LIST_WORKFLOWS)
async def list_workflows(
    request: Request, query: Annotated[WorkflowQuery, Query()], parts: PartsOf
) -> Response:
    """List workflows, newest first unless `order=created_at`; all filters must fit."""
    size = min(query.page_size, 500)
    found = await parts.workflows.showing.overview.page(
        workflow_filters(query),
        size=size + 1,
        newest_first=query.order == "-created_at",
        after=None if query.page_token is None else read_token(query),
    )
    token = next_token(query, found[size - 1]["_id"]) if len(found) > size else None
    body = {"workflows": [summary(each) for each in found[:size]], "next_page_token": token}
    headers = {"Link": next_link(request, token)} if token else {}
    return Response(to_json(body), media_type=JSON, headers=headers)


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


@router.get("/v1/workflows/{workflow_id}/nodes", **operations.LIST_NODES)
async def list_nodes(
    request: Request, workflow_id: str, query: Annotated[Paged, Query()], parts: PartsOf
) -> Response:
    """List the nodes of a workflow in declared order, those of graphs that grew in it last."""
    known_form(workflow_id)
    showing = parts.workflows.showing
    await showing.overview.workflow(workflow_id)
    graphs = await showing.overview.graphs_of(workflow_id)
    after = None if query.page_token is None else read_node_place(query, graphs)
    nodes, last = await showing.nodes(list(graphs), most=min(query.page_size, 500), after=after)
    token = None if last is None else next_node_token(query, last)
    headers = {"Link": next_link(request, token)} if token else {}
    body = {"nodes": nodes, "next_page_token": token}
    return Response(to_json(body), media_type=JSON, headers=headers)


@router.get("/v1/workflows/{workflow_id}/results", **operations.GET_RESULTS)
async def get_results(
    workflow_id: str, parts: PartsOf, node: Annotated[str | None, Query(max_length=2000)] = None
) -> Response:
    """Stream, as JSON Lines, what each job of a node gave, or those of all nodes.

    They come in declared order; what has not ended has no result yet.
    """
    known_form(workflow_id)
    showing = parts.workflows.showing
    await showing.overview.workflow(workflow_id)
    graphs = list(await showing.overview.graphs_of(workflow_id))
    row = None if node is None else await showing.overview.node(graphs, node)
    return StreamingResponse(showing.results(graphs, row), media_type=JSON_LINES[0])


@router.get("/v1/workflows/{workflow_id}/events", **operations.WORKFLOW_EVENTS)
async def workflow_events(request: Request, workflow_id: str, parts: PartsOf) -> Response:
    """Follow a workflow and all its jobs to its end, as Server-Sent Events."""
    known_form(workflow_id)
    standing = await parts.workflows.showing.overview.standing(workflow_id)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    if standing.done and last_event_id(request) >= standing.version:  # it comes back once more
        return Response(media_type="text/event-stream", headers=headers)
    changes = event_stream(parts.workflows.following.changes(workflow_id))
    return StreamingResponse(changes, media_type="text/event-stream", headers=headers)


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


@router.post("/v1/workflows/{workflow_id}/retry", **operations.RETRY_WORKFLOW)
async def retry_workflow(request: Request, workflow_id: str, parts: PartsOf) -> Response:
    """Run again what failed in a workflow that has ended, and all that depends on it."""
    body = await read_nothing(request)
    steering = parts.workflows.steering
    return await _again(request, parts, workflow_id, body, lambda: steering.retry(workflow_id))


@router.post("/v1/workflows/{workflow_id}/rerun", **operations.RERUN_WORKFLOW)
async def rerun_workflow(request: Request, workflow_id: str, parts: PartsOf) -> Response:
    """Run a node of a workflow that has ended again, and all that depends on it."""
    body, value = await read_large_object(request)
    asked = read_as(Rerun, value)
    steering = parts.workflows.steering
    return await _again(
        request,
        parts,
        workflow_id,
        body,
        lambda: steering.rerun(workflow_id, asked.node, asked.input),
    )


@router.post("/v1/workflows/{workflow_id}/skip", **operations.SKIP_NODE)
async def skip_node(request: Request, workflow_id: str, parts: PartsOf) -> Response:
    """Let a node count as good without a result, so that what depends on it may run."""
    body, value = await read_large_object(request)
    asked = read_as(Skip, value)
    steering = parts.workflows.steering
    return await _again(
        request, parts, workflow_id, body, lambda: steering.skip(workflow_id, asked.node)
    )


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


async def _again(
    request: Request,
    parts: Parts,
    workflow_id: str,
    body: bytes,
    do: Callable[[], Awaitable[None]],
) -> Response:
    """Do what was asked, and answer with the workflow as it goes on."""
    known_form(workflow_id)

    async def answer(_: object) -> Response:
        await do()
        view = await parts.workflows.showing.view(workflow_id)
        return await _answer(request, parts, view, {})

    return await answered_once(request, parts.idempotency, body, answer)


async def _planned(parts: Parts, value: dict[str, Any]) -> Facts:
    draft = await parts.workflows.submitting.draft(value)
    tasks = dict.fromkeys(node.task for node in draft.graph.nodes if node.task)
    seconds = await parts.workflows.showing.overview.usual_seconds(tasks)
    return plan_view(draft.graph, seconds)


async def _store(parts: Parts, value: dict[str, Any], workflow_id: str | None) -> Facts:
    draft = await parts.workflows.submitting.draft(value)
    plan = await parts.workflows.submitting.store(draft, workflow_id or new_id(draft.now))
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
