"""What operations share in the OpenAPI document: schemas, headers, parameters, security."""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from api.actions import Action
from api.contract import (
    histories,
    lane_shapes,
    limit_shapes,
    schedule_shapes,
    shapes,
    steering,
    workflow_shapes,
)
from api.invalidation import Invalidation
from api.pausing import Words
from api.schedules import Backfill, Note, ScheduleRequest
from shared.contracts.limits.definition import Definition
from shared.contracts.submission import Submission

Json = dict[str, Any]

REF = "#/components/schemas/"
ANSWERS: tuple[type[BaseModel], ...] = (
    shapes.Job,
    shapes.JobPage,
    shapes.Problem,
    shapes.BulkAnswer,
    histories.Logs,
    histories.Timeline,
    shapes.Task,
    shapes.TaskList,
    shapes.Health,
    *schedule_shapes.ALL,
    *limit_shapes.ALL,
    steering.Why,
    steering.ActionAnswer,
    steering.ForgottenResults,
    steering.Queue,
    steering.QueueList,
    steering.Worker,
    steering.WorkerList,
    *workflow_shapes.ANSWERS,
    *lane_shapes.ANSWERS,
)
TAKEN: tuple[type[BaseModel], ...] = (
    *(Submission, Action, ScheduleRequest, Note, Backfill, Invalidation, Words),
    Definition,
    *workflow_shapes.TAKEN,
    *lane_shapes.TAKEN,
)


class Untitled(GenerateJsonSchema):
    """Schemas whose members carry no titles: `Max Attempts` says nothing that the name does not."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Say no."""
        return False


def schema_ref(name: str) -> Json:
    """Return a reference to a component."""
    return {"$ref": f"{REF}{name}"}


@cache
def schemas() -> Json:
    """Return every schema that is the same whatever tasks there are."""
    answers = [(model, "serialization") for model in ANSWERS]
    _, found = models_json_schema(
        [*answers, *((model, "validation") for model in TAKEN)],  # type: ignore[list-item]
        ref_template=REF + "{model}",
        schema_generator=Untitled,
    )
    components: Json = found["$defs"]
    return components


def _header(description: str, schema: Json | None = None, *, always: bool = True) -> Json:
    return {
        "description": description,
        "required": always,
        "schema": schema or {"type": "string"},
    }


_SECONDS: Json = {"type": "integer", "minimum": 0}

HEADERS: Json = {
    "Location": _header("The path of the job"),
    "ScheduleLocation": _header("The path of the schedule"),
    "WorkflowLocation": _header("The path of the workflow"),
    "WorkflowETag": _header("A tag of all that is shown; for If-None-Match"),
    "ETag": _header('The version of the job, as `"v<version>"`; for If-None-Match'),
    "RetryAfter": _header("Seconds until asking again makes sense", _SECONDS),
    "RetryAfterIfNotDone": _header(
        "Seconds until asking again makes sense; only if the job has not ended",
        _SECONDS,
        always=False,
    ),
    "PreferenceApplied": _header("What was honoured of Prefer, as `wait=<seconds>`", always=False),
    "IdempotencyReplayed": _header(
        "`true` if the first answer to this Idempotency-Key came again", always=False
    ),
    "Link": _header('`<...>; rel="next"`: the next page, if there is one', always=False),
    "WwwAuthenticate": _header("`Bearer`"),
}


def headers(**names: str) -> Json:
    """Return references to shared headers, by the name on the wire with `_` for `-`."""
    return {
        name.replace("_", "-"): {"$ref": f"#/components/headers/{component}"}
        for name, component in names.items()
    }


def _in_header(name: str, description: str, **schema: Any) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
    }


PARAMETERS: Json = {
    "IdempotencyKey": _in_header(
        "Idempotency-Key",
        "Makes repeating safe: the same key with the same request gets the first answer again, "
        "for 24 hours. Another request with a known key is refused.",
        pattern=r"^[\x21-\x7e]{1,255}$",
        minLength=1,
        maxLength=255,
    ),
    "Prefer": _in_header(
        "Prefer",
        "`wait=N` (RFC 7240) holds the answer until the job has ended, for at most N seconds.",
        examples=["wait=5"],
    ),
    "IfNoneMatch": _in_header(
        "If-None-Match",
        "The ETag that the caller has; if it is still the newest, 304.",
    ),
    "LastEventId": _in_header(
        "Last-Event-ID",
        "The last `id` that the caller saw of this stream; only later ones follow.",
    ),
}


def parameters(*names: str) -> list[Json]:
    """Return references to shared parameters."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


SECURITY_SCHEMES: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of this service: `Authorization: Bearer wk_...`",
    }
}
