"""What each route takes and answers, to be spread into its decorator."""

from api.bodies import JSON_LINES
from api.contract.answers import answer, open_operation, operation
from api.contract.components import Json, headers, schema_ref

_SUBMISSION = (
    *("malformed-request", "unknown-task", "idempotency-in-progress", "body-too-large"),
    *("job-expired-from-history", "lane-full"),
)
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


def json_body(schema: Json, examples: Json | None = None, *, required: bool = True) -> Json:
    """Return a JSON body."""
    shown = {"schema": schema} | ({"examples": examples} if examples else {})
    return {"required": required, "content": {"application/json": shown}}


_ADD = {"task": "math.add", "input": {"x": 1, "y": 2}}
_EXAMPLES: Json = {
    "smallest": {"summary": "A task and its input", "value": _ADD},
    "with options": {
        "summary": "Urgent, bounded, labelled",
        "value": {**_ADD, "priority": 9, "timeout_s": 30, "tags": ["acme"]},
    },
    "later, and again": {
        "summary": "In a minute, up to five times, but not after an hour",
        "value": {**_ADD, "delay_s": 60, "retry": {"max_attempts": 5}, "expires_in_s": 3600},
    },
}
_ACTIONS: Json = {
    "dry run": {
        "summary": "How many failed jobs of a task would run again?",
        "value": {
            "action": "retry",
            "filter": {"status": "failed", "task": "math.add"},
            "dry_run": True,
        },
    },
    "by id": {"summary": "Cancel these", "value": {"action": "cancel", "ids": ["0199f3a2"]}},
}
_OF_A_JOB = "not-found", "job-expired-from-history"
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
    problems=_OF_A_JOB,
    takes=("IfNoneMatch", "Prefer"),
)
GET_RESULT = operation(
    "get_result",
    {
        "200": answer("The bare result", {"description": "what the task returned"}, _TAGGED),
        "202": answer("The job has not ended", "Job", _TAGGED | headers(Retry_After="RetryAfter")),
    },
    problems=(*_OF_A_JOB, "job-not-succeeded"),
    takes=("Prefer",),
)


def stream(description: str) -> Json:
    """Return the schema of each of the Server-Sent Events of a stream."""
    text = {"type": "string"}
    fields = {"event": text, "id": text, "data": {**text, "contentMediaType": "application/json"}}
    return {"type": "object", "description": description, "properties": fields}


JOB_EVENTS = operation(
    "job_events",
    {
        "200": {
            "description": "The timeline, or the stream if it was asked for",
            "content": {
                "application/json": {"schema": schema_ref("Timeline")},
                "text/event-stream": {
                    "schema": stream("`event` is its name, `id` the version, `data` the job")
                },
            },
        }
    },
    problems=_OF_A_JOB,
    takes=("LastEventId",),
)
GET_LOGS = operation("get_logs", {"200": answer("Log lines", "Logs")}, problems=_OF_A_JOB)
WHY = operation("why", {"200": answer("Why it is where it is", "Why", _TAGGED)}, problems=_OF_A_JOB)
_REPEATABLE = headers(Idempotency_Replayed="IdempotencyReplayed")
STEERING_PROBLEMS = (
    *("malformed-request", "idempotency-in-progress", "body-too-large"),
    *("unsupported-media-type", "invalid-input", "idempotency-mismatch"),
)
_STEERED = headers(Location="Location", ETag="ETag", Preference_Applied="PreferenceApplied")
_ON_ITS_WAY = _STEERED | _REPEATABLE | headers(Retry_After="RetryAfterIfNotDone")
NO_MEMBERS: Json = {"type": "object", "properties": {}, "additionalProperties": False}
_AGAIN: Json = {
    "type": "object",
    "properties": {
        "input": {
            "anyOf": [{"type": "object"}, {"type": "null"}],
            "description": "another input for the task; without it, the same again",
        }
    },
    "additionalProperties": False,
}
CANCEL_JOB = operation(
    "cancel_job",
    {
        "200": answer("It is cancelled, now or already", "Job", _STEERED | _REPEATABLE),
        "202": answer("It runs, and was asked to stop", "Job", _ON_ITS_WAY),
    },
    problems=(*STEERING_PROBLEMS, *_OF_A_JOB, "already-finished"),
    takes=SUBMIT_TAKES,
    body=json_body(NO_MEMBERS, required=False),
)
RETRY_JOB = operation(
    "retry_job",
    {"202": answer("It runs again, under the same id", "Job", _ON_ITS_WAY)},
    problems=(
        *(*STEERING_PROBLEMS, *_OF_A_JOB, "unknown-task", "not-finished", "duplicate"),
        "part-of-workflow",
    ),
    takes=("IdempotencyKey",),
    body=json_body(_AGAIN, required=False),
)
ACT = operation(
    "act",
    {"200": answer("To how many jobs it was done", "ActionAnswer", _REPEATABLE)},
    problems=STEERING_PROBLEMS,
    takes=("IdempotencyKey",),
    body=json_body(schema_ref("Action"), _ACTIONS),
)
_FORGET: Json = {
    "one call": {
        "summary": "The result of one call",
        "value": {"task": "math.add", "input": {"x": 1, "y": 2}},
    },
    "a tag": {"summary": "All results of a customer", "value": {"tag": "acme"}},
}
FORGET_RESULTS = operation(
    "forget_results",
    {"200": answer("How many results are not used any more", "ForgottenResults", _REPEATABLE)},
    problems=(*STEERING_PROBLEMS, "unknown-task"),
    takes=("IdempotencyKey",),
    body=json_body(schema_ref("Invalidation"), _FORGET),
)
LIST_QUEUES = operation("list_queues", {"200": answer("All queues", "QueueList")})
_PAUSING = (*STEERING_PROBLEMS, "not-found")
PAUSE_QUEUE = operation(
    "pause_queue",
    {"200": answer("Nothing of it begins", "Queue", _REPEATABLE)},
    problems=_PAUSING,
    takes=("IdempotencyKey",),
    body=json_body(schema_ref("Words"), required=False),
)
RESUME_QUEUE = operation(
    "resume_queue",
    {"200": answer("Its jobs begin again", "Queue", _REPEATABLE)},
    problems=_PAUSING,
    takes=("IdempotencyKey",),
    body=json_body(NO_MEMBERS, required=False),
)
PAUSE_TASK = operation(
    "pause_task",
    {"200": answer("Nothing of it begins", "Task", _REPEATABLE)},
    problems=(*STEERING_PROBLEMS, "unknown-task"),
    takes=("IdempotencyKey",),
    body=json_body(schema_ref("Words"), required=False),
)
RESUME_TASK = operation(
    "resume_task",
    {"200": answer("Its jobs begin again", "Task", _REPEATABLE)},
    problems=(*STEERING_PROBLEMS, "unknown-task"),
    takes=("IdempotencyKey",),
    body=json_body(NO_MEMBERS, required=False),
)
LIST_WORKERS = operation(
    "list_workers", {"200": answer("Workers", "WorkerList")}, problems=("invalid-input",)
)
DRAIN_WORKER = operation(
    "drain_worker",
    {"202": answer("It takes no more jobs", "Worker", _REPEATABLE)},
    problems=(
        *("malformed-request", "idempotency-in-progress", "body-too-large"),
        *("idempotency-mismatch", "not-found", "worker-gone"),
    ),
    takes=("IdempotencyKey",),
)
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
