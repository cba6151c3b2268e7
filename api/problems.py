"""Which HTTP answer each error deserves: problem details (RFC 9457), one readable page a type."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import Response

from shared.contracts.errors import (
    BadPageToken,
    Duplicate,
    Forgotten,
    IdempotencyInProgress,
    IdempotencyMismatch,
    InvalidInput,
    InvalidSchedule,
    LaneFull,
    Malformed,
    NotFound,
    ScheduleExists,
    StoreUnavailable,
    Unavailable,
    UnknownTask,
    WarrenError,
)
from shared.contracts.workflow.faults import InvalidWorkflow

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of problem: what it means, and what the caller can do about it."""

    status: int
    title: str
    remedy: str
    retry_after: int | None = None  # seconds


KINDS: dict[str, Kind] = {
    "malformed-request": Kind(
        400,
        "The request is not well-formed",
        "Send a JSON text (RFC 8259, UTF-8) without NaN, duplicate keys, NUL characters, lone "
        "surrogates or integers beyond 64 bits, nested at most 64 levels deep. "
        "The detail says what was met and where.",
    ),
    "invalid-page-token": Kind(
        400,
        "The page token is not one of ours for this query",
        "Use next_page_token as it came, with the same filters and order; or start without one.",
    ),
    "unauthenticated": Kind(
        401,
        "An API key is needed",
        "Send `Authorization: Bearer <key>`; a WebSocket sends it as `token` in connection_init.",
    ),
    "forbidden": Kind(
        403,
        "This key may not do that",
        "Use a key with the role that the detail names.",
    ),
    "not-found": Kind(
        404,
        "There is no such thing",
        "Check the path and the id. Ids are UUIDs of version 7 in lower case.",
    ),
    "unknown-task": Kind(
        404,
        "No worker has declared this task",
        "GET /v1/tasks lists what exists. A worker declares its tasks when it starts: "
        "check WARREN_TASKS and that a worker runs.",
    ),
    "method-not-allowed": Kind(
        405, "This path does not take that method", "The Allow header names the methods it takes."
    ),
    "idempotency-in-progress": Kind(
        409,
        "The first request with this Idempotency-Key is still under way",
        "Repeat the request after the time in Retry-After; it will get the first one's answer.",
        retry_after=1,
    ),
    "schedule-exists": Kind(
        409,
        "Another schedule has this name",
        "Choose another name, or change the schedule that has it: "
        "GET /v1/schedules?name=... finds it.",
    ),
    "job-not-succeeded": Kind(
        409,
        "The job ended without a result",
        "The member `error` says why. Submit the job again if that can help.",
    ),
    "already-finished": Kind(
        409,
        "The job has ended otherwise already",
        "The member `job_status` says how. There is nothing left to cancel.",
    ),
    "not-finished": Kind(
        409,
        "The job has not ended",
        "Wait for its end, or cancel it; then it can run again.",
    ),
    "part-of-workflow": Kind(
        409,
        "The job is a node of a workflow, which it would contradict",
        "Ask for it on the workflow: POST /v1/workflows/{id}/retry, /rerun or /skip. "
        "Its jobs leave the history together.",
    ),
    "nothing-to-retry": Kind(
        409,
        "No node of the workflow has failed",
        "Run it again from a node of your choice: POST /v1/workflows/{id}/rerun.",
    ),
    "not-skippable": Kind(
        409,
        "The node cannot be skipped as it stands",
        "The detail says where it stands. What waits or has failed can be skipped.",
    ),
    "duplicate": Kind(
        409,
        "An equal job is under way",
        "The member `job_id` names it: wait for its end, or cancel it. Only one such job may be "
        "under way, because this one was submitted with `unique`.",
    ),
    "worker-gone": Kind(
        409,
        "That worker has stopped or died",
        "GET /v1/workers lists those that live. What it ran is rescued without your help.",
    ),
    "job-expired-from-history": Kind(
        410,
        "The job has ended and was removed from the history",
        "Read results before they leave the history; an operator may keep them for longer.",
    ),
    "body-too-large": Kind(
        413,
        "The request body is too large",
        "Store large data elsewhere and send a reference; an operator may raise the limit.",
    ),
    "too-many-items": Kind(413, "Too many items in one request", "Send at most 10,000 items."),
    "unsupported-media-type": Kind(
        415,
        "The body is of a type that this path does not take",
        "Send `Content-Type: application/json` (bulk also takes `application/jsonl`).",
    ),
    "invalid-input": Kind(
        422,
        "A field has a value that does not fit",
        "The member `errors` lists each fault with a JSON Pointer into the body.",
    ),
    "idempotency-mismatch": Kind(
        422,
        "This Idempotency-Key came before with another request",
        "Use a new key for a new request, and the same body for a repeated one.",
    ),
    "invalid-workflow": Kind(
        422,
        "The graph cannot be run",
        "The member `errors` lists each fault with the node, the cause and a JSON Pointer into "
        "the body. `POST /v1/workflows?dry_run=true` checks a graph without storing it.",
    ),
    "invalid-schedule": Kind(
        422,
        "The schedule would never fire, or nobody could say when",
        "The member `errors` names the field. GET /v1/schedules/{id}/preview shows what a rule "
        "means; docs/schedules.md has the grammar of `cron`.",
    ),
    "lane-full": Kind(
        429,
        "Too many jobs wait for this key",
        "The members `key`, `depth` and `cap` say which line is how long, and how long it may be. "
        "Repeat the request after the time in Retry-After, or later; "
        "GET /v1/lanes/{key} shows who has the key.",
        retry_after=5,
    ),
    "internal": Kind(
        500,
        "Something went wrong on our side",
        "Quote the request id to the operator; the log has the cause.",
    ),
    "store-unavailable": Kind(
        503,
        "The database is away",
        "Repeat the request after the time in Retry-After, with the same Idempotency-Key: "
        "it may have taken effect.",
        retry_after=2,
    ),
    "shutting-down": Kind(503, "This gateway is shutting down", "Repeat the request.", 1),
}
"""Every problem that a client can meet, by the last part of its `type`."""

_SLUGS: dict[type[WarrenError], str] = {
    Malformed: "malformed-request",
    InvalidSchedule: "invalid-schedule",  # before what it is a kind of
    InvalidInput: "invalid-input",
    InvalidWorkflow: "invalid-workflow",
    ScheduleExists: "schedule-exists",
    UnknownTask: "unknown-task",
    Forgotten: "job-expired-from-history",
    NotFound: "not-found",
    Duplicate: "duplicate",
    LaneFull: "lane-full",
    BadPageToken: "invalid-page-token",
    IdempotencyMismatch: "idempotency-mismatch",
    IdempotencyInProgress: "idempotency-in-progress",
    StoreUnavailable: "store-unavailable",
    Unavailable: "store-unavailable",
}


@dataclass(eq=False)
class ProblemError(Exception):
    """Raised by a route to answer with a problem."""

    slug: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)


def as_problem(error: Exception) -> ProblemError:
    """Translate an error of ours; anything else is `internal` and tells nothing of itself."""
    if isinstance(error, ProblemError):
        return error
    for kind, slug in _SLUGS.items():
        if isinstance(error, kind):
            return ProblemError(slug, str(error), members=_members(error))
    return ProblemError("internal", "The request failed; it was logged with its id.")


def _members(error: WarrenError) -> dict[str, Any]:
    if isinstance(error, InvalidInput | InvalidWorkflow):
        return {"errors": [{"pointer": f.pointer, "message": f.message} for f in error.faults]}
    if isinstance(error, Duplicate):
        return {"job_id": error.holder}
    if isinstance(error, LaneFull):
        return {"key": error.key, "depth": error.depth, "cap": error.cap}
    return {}


def problem_body(problem: ProblemError) -> dict[str, Any]:
    """Return the members of a problem, for a body or a WebSocket frame."""
    kind = KINDS[problem.slug]
    return {
        "type": f"/problems/{problem.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        **problem.members,
    }


def problem_response(problem: ProblemError) -> Response:
    """Return a problem as an HTTP answer."""
    kind = KINDS[problem.slug]
    headers = dict(problem.headers)
    if kind.retry_after is not None:
        headers["Retry-After"] = str(kind.retry_after)
    if kind.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        orjson.dumps(problem_body(problem)),
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )
