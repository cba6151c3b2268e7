"""What the routes of limits take and answer, to be spread into their decorators."""

from api.contract.answers import answer, operation
from api.contract.components import Json, schema_ref
from api.contract.operations import json_body

_EXAMPLES: Json = {
    "known": {
        "summary": "50 a second, up to 10 at once",
        "value": {"rate": 50, "per_s": 1, "burst": 10},
    },
    "learned": {
        "summary": "Nobody knows the rate; begin with 10 a second",
        "value": {"learned": {"base": 10, "per_s": 1, "floor": 1, "ceiling": 200}},
    },
}

LIST_LIMITS = operation(
    "list_limits", {"200": answer("Limits", "LimitList")}, problems=("invalid-input",)
)
GET_LIMIT = operation("get_limit", {"200": answer("The limit", "Limit")}, problems=("not-found",))
PUT_LIMIT = operation(
    "put_limit",
    {
        "200": answer("The limit, as it is now", "Limit"),
        "201": answer("The limit is new", "Limit"),
    },
    problems=(
        *("malformed-request", "body-too-large", "unsupported-media-type", "invalid-input"),
        "not-found",
    ),
    body=json_body(schema_ref("Definition"), _EXAMPLES),
)
DELETE_LIMIT = operation(
    "delete_limit",
    {"204": {"description": "It is gone; jobs that wait for it may run"}},
    problems=("not-found",),
)
