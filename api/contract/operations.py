"""What each route takes and answers, to be spread into its decorator."""

from api.bodies import JSON_LINES
from api.contract.answers import answer, open_operation, operation
from api.contract.components import Json, headers, schema_ref

_SUBMISSION = "malformed-request", "unknown-task", "idempotency-in-progress", "body-too-large"
SUBMIT_PROBLEMS = (
    *_SUBMISSION,
    "unsupported-media-type",
    "invalid-input",
    "idempotency-mismatch",
)
SUBMIT_TAKES = "IdempotencyKey", "Prefer"
_SUBMIT_HEADERS = headers(
    Location="Location",
    ETag="ETag",
    Preference_Applied="PreferenceApplied",
    Idempotency_Replayed="IdempotencyReplayed",
)


def accepts(job: str) -> Json:
    """Return the answers to a submission; `job` names the component of the job."""
    on_its_way = _SUBMIT_HEADERS | headers(Retry_After="RetryAfter")
    return {
        "202": answer("Accepted: the job is durable and reaches an end", job, on_its_way),
        "200": answer("The job has already ended", job, _SUBMIT_HEADERS),
    }


def json_body(schema: Json, examples: Json | None = None) -> Json:
    """Return a required JSON body."""
    shown = {"schema": schema} | ({"examples": examples} if examples else {})
    return {"required": True, "content": {"application/json": shown}}


_ADD = {"task": "math.add", "input": {"x": 1, "y": 2}}
_EXAMPLES: Json = {
    "smallest": {"summary": "A task and its input", "value": _ADD},
    "with options": {
        "summary": "Urgent, bounded, labelled",
        "value": {**_ADD, "priority": 9, "timeout_s": 30, "tags": ["acme"]},
    },
}
_LINES: Json = {
    "schema": {"type": "string"},
    "example": '{"task": "math.add", "input": {"x": 1}}\n',
}
_MANY: Json = {"type": "array", "maxItems": 10_000, "items": schema_ref("Submission")}
_SHOWN = headers(
    ETag="ETag", Retry_After="RetryAfterIfNotDone", Preference_Applied="PreferenceApplied"
)
_TAGGED = headers(ETag="ETag")

SUBMIT_JOB = operation(
    "submit_job",
    accepts("Job"),
    problems=SUBMIT_PROBLEMS,
    takes=SUBMIT_TAKES,
    body=json_body(schema_ref("Submission"), _EXAMPLES),
)
SUBMIT_INPUT = operation(
    "submit_input",
    accepts("Job"),
    problems=SUBMIT_PROBLEMS,
    takes=SUBMIT_TAKES,
    body=json_body({"type": "object", "description": "what the task takes, by name"}),
)
SUBMIT_MANY = operation(
    "submit_many",
    {
        "202": answer(
            "What became of each item, in order",
            "BulkAnswer",
            headers(Idempotency_Replayed="IdempotencyReplayed"),
        )
    },
    problems=(
        "malformed-request",
        "idempotency-in-progress",
        "body-too-large",
        "too-many-items",
        "unsupported-media-type",
        "invalid-input",
        "idempotency-mismatch",
    ),
    takes=("IdempotencyKey",),
    body={
        "required": True,
        "content": {"application/json": {"schema": _MANY}, **dict.fromkeys(JSON_LINES[:1], _LINES)},
    },
)
LIST_JOBS = operation(
    "list_jobs",
    {"200": answer("A page of jobs", "JobPage", headers(Link="Link"))},
    problems=("invalid-page-token", "invalid-input"),
)
GET_JOB = operation(
    "get_job",
    {
        "200": answer("The job", "Job", _SHOWN),
        "304": {"description": "The caller has this version", "headers": _SHOWN},
    },
    problems=("not-found",),
    takes=("IfNoneMatch", "Prefer"),
)
GET_RESULT = operation(
    "get_result",
    {
        "200": answer("The bare result", {"description": "what the task returned"}, _TAGGED),
        "202": answer("The job has not ended", "Job", _TAGGED | headers(Retry_After="RetryAfter")),
    },
    problems=("not-found", "job-not-succeeded"),
    takes=("Prefer",),
)
_STREAM: Json = {
    "type": "string",
    "description": "Server-Sent Events: `event` is its name, `id` the version, `data` the job",
}
JOB_EVENTS = operation(
    "job_events",
    {
        "200": {
            "description": "The timeline, or the stream if it was asked for",
            "content": {
                "application/json": {"schema": schema_ref("Timeline")},
                "text/event-stream": {"schema": _STREAM},
            },
        }
    },
    problems=("not-found",),
    takes=("LastEventId",),
)
GET_LOGS = operation("get_logs", {"200": answer("Log lines", "Logs")}, problems=("not-found",))
LIST_TASKS = operation("list_tasks", {"200": answer("The catalogue", "TaskList")})
GET_TASK = operation("get_task", {"200": answer("The task", "Task")}, problems=("unknown-task",))
LIVE = open_operation("live", {"200": answer("The event loop turns", "Health")})
READY = open_operation(
    "ready",
    {
        "200": answer("Jobs are accepted", "Health"),
        "503": answer("No job can be accepted now", "Health"),
    },
)
METRICS = operation(
    "metrics",
    {
        "200": {
            "description": "Counters in Prometheus' text format",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
