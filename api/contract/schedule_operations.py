"""What the routes of schedules take and answer, to be spread into their decorators."""

from api.contract.answers import answer, operation
from api.contract.components import Json, headers, schema_ref
from api.contract.operations import json_body

_BODY = "malformed-request", "body-too-large", "unsupported-media-type"
_KEY = "idempotency-in-progress", "idempotency-mismatch"
_DEFINITION = (*_BODY, "unknown-task", "schedule-exists", "invalid-input", "invalid-schedule")
_REPLAYED = headers(Idempotency_Replayed="IdempotencyReplayed")
_EXAMPLES: Json = {
    "cron": {
        "summary": "Each working day at nine in Berlin",
        "value": {
            "task": "math.add",
            "input": {"x": 1, "y": 2},
            "cron": "0 9 * * mon-fri",
            "timezone": "Europe/Berlin",
        },
    },
    "interval": {
        "summary": "Every 30 seconds, one after the other",
        "value": {
            "task": "math.add",
            "input": {"x": 1, "y": 2},
            "every_s": 30,
            "overlap": "buffer_one",
        },
    },
}
_PATCH: Json = {"type": "object", "description": "the fields to change; null for the default"}
_NOTE: Json = {
    "required": False,
    "content": {"application/json": {"schema": schema_ref("Note")}},
}
_SHOWN = {"200": answer("The schedule", "Schedule")}

CREATE_SCHEDULE = operation(
    "create_schedule",
    {
        "201": answer(
            "The schedule is stored and at work",
            "Schedule",
            headers(Location="ScheduleLocation") | _REPLAYED,
        )
    },
    problems=(*_DEFINITION, *_KEY),
    takes=("IdempotencyKey",),
    body=json_body(schema_ref("ScheduleRequest"), _EXAMPLES),
)
LIST_SCHEDULES = operation(
    "list_schedules",
    {"200": answer("A page of schedules", "SchedulePage", headers(Link="Link"))},
    problems=("invalid-page-token", "invalid-input"),
)
GET_SCHEDULE = operation(
    "get_schedule",
    {"200": answer("The schedule", "ScheduleWithRuns")},
    problems=("not-found",),
)
PUT_SCHEDULE = operation(
    "put_schedule",
    _SHOWN,
    problems=(*_DEFINITION, "not-found"),
    body=json_body(schema_ref("ScheduleRequest"), _EXAMPLES),
)
PATCH_SCHEDULE = operation(
    "patch_schedule",
    _SHOWN,
    problems=(*_DEFINITION, "not-found"),
    body=json_body(_PATCH, {"slower": {"value": {"every_s": 60}}}),
)
DELETE_SCHEDULE = operation(
    "delete_schedule",
    {"204": {"description": "It is gone; its jobs stay"}},
    problems=("not-found",),
)
PAUSE_SCHEDULE = operation(
    "pause_schedule", _SHOWN, problems=(*_BODY, "invalid-input", "not-found"), body=_NOTE
)
RESUME_SCHEDULE = operation(
    "resume_schedule", _SHOWN, problems=(*_BODY, "invalid-input", "not-found"), body=_NOTE
)
TRIGGER_SCHEDULE = operation(
    "trigger_schedule",
    {
        "202": answer(
            "Accepted: the job is durable and reaches an end",
            "Job",
            headers(Location="Location", ETag="ETag", Retry_After="RetryAfter") | _REPLAYED,
        )
    },
    problems=("malformed-request", "body-too-large", "not-found", *_KEY),
    takes=("IdempotencyKey",),
)
PREVIEW_SCHEDULE = operation(
    "preview_schedule",
    {"200": answer("The next nominal times", "Preview")},
    problems=("not-found", "invalid-input"),
)
BACKFILL_SCHEDULE = operation(
    "backfill_schedule",
    {"202": answer("The decision is stored; a keeper submits the jobs", "Backfilled", _REPLAYED)},
    problems=(*_BODY, "invalid-input", "not-found", *_KEY),
    takes=("IdempotencyKey",),
    body=json_body(schema_ref("Backfill")),
)
