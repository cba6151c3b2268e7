"""What the routes of lanes take and answer, to be spread into their decorators."""

from api.contract.answers import answer, operation
from api.contract.components import Json, headers, schema_ref
from api.contract.operations import STEERING_PROBLEMS, json_body

_EXAMPLES: Json = {"why": {"summary": "Say why", "value": {"note": "their data is being mended"}}}
_BODY = json_body(schema_ref("LaneNote"), _EXAMPLES, required=False)
_REPEATABLE = headers(Idempotency_Replayed="IdempotencyReplayed")

LIST_LANES = operation(
    "list_lanes",
    {"200": answer("A page of the lanes in use", "LanePage")},
    problems=("invalid-page-token", "invalid-input"),
)
GET_LANE = operation(
    "get_lane",
    {"200": answer("The lane; one that nobody uses is empty", "LaneWhole")},
    problems=("not-found",),
)
HOLD_LANE = operation(
    "hold_lane",
    {"200": answer("Nobody is let in until it is resumed", "LaneWhole", _REPEATABLE)},
    problems=(*STEERING_PROBLEMS, "not-found"),
    takes=("IdempotencyKey",),
    body=_BODY,
)
RESUME_LANE = operation(
    "resume_lane",
    {"200": answer("Jobs are let in again", "LaneWhole", _REPEATABLE)},
    problems=(*STEERING_PROBLEMS, "not-found"),
    takes=("IdempotencyKey",),
    body=_BODY,
)
DRAIN_LANE = operation(
    "drain_lane",
    {"200": answer("What stood in line is cancelled", "LaneDrained", _REPEATABLE)},
    problems=(*STEERING_PROBLEMS, "not-found"),
    takes=("IdempotencyKey",),
    body=_BODY,
)
