"""What the routes of workflows take and answer, to be spread into their decorators."""

from api.bodies import JSON_LINES
from api.contract.answers import answer, operation
from api.contract.components import Json, headers, schema_ref
from api.contract.operations import NO_MEMBERS, STEERING_PROBLEMS, SUBMIT_TAKES, json_body, stream

_OF_A_WORKFLOW = "not-found", "job-expired-from-history"
_SUBMITTED = headers(
    Location="WorkflowLocation",
    ETag="WorkflowETag",
    Preference_Applied="PreferenceApplied",
    Idempotency_Replayed="IdempotencyReplayed",
)
_ON_ITS_WAY = _SUBMITTED | headers(Retry_After="RetryAfterIfNotDone")
_SHOWN = headers(
    ETag="WorkflowETag",
    Retry_After="RetryAfterIfNotDone",
    Preference_Applied="PreferenceApplied",
)
_X, _Y = {"x": 1, "y": 2}, {"x": 3, "y": 4}
_EXAMPLES: Json = {
    "one after the other": {
        "summary": "The second takes the result of the first",
        "value": {
            "nodes": {
                "first": {"task": "math.add", "input": _X},
                "second": {"task": "math.add", "input": {"x": {"$from": "first"}, "y": 10}},
            }
        },
    },
    "many, then one": {
        "summary": "Two side by side, joined, and a hook if anything fails",
        "value": {
            "nodes": {
                "left": {"task": "math.add", "input": _X},
                "right": {"task": "math.add", "input": _Y},
                "sum": {
                    "task": "math.add",
                    "input": {"x": {"$from": "left"}, "y": {"$from": "right"}},
                },
            },
            "result": {"total": {"$from": "sum"}},
            "on_failure": {"task": "math.add", "input": {"x": 0, "y": 0}},
            "tags": ["acme"],
        },
    },
    "for each element": {
        "summary": "A job for each element of a list, two at once",
        "value": {
            "nodes": {
                "each": {
                    "task": "math.add",
                    "foreach": [1, 2, 3],
                    "input": {"x": {"$item": ""}, "y": 1},
                    "max_parallel": 2,
                }
            }
        },
    },
}

SUBMIT_WORKFLOW = operation(
    "submit_workflow",
    {
        "202": answer("Accepted: it is durable and reaches an end", "Workflow", _ON_ITS_WAY),
        "200": answer(
            "It has already ended; or the plan, with `dry_run=true`",
            {"anyOf": [schema_ref("Workflow"), schema_ref("WorkflowPlan")]},
        ),
    },
    problems=(
        *("malformed-request", "idempotency-in-progress", "body-too-large"),
        *("job-expired-from-history", "unsupported-media-type", "invalid-input"),
        *("invalid-workflow", "idempotency-mismatch"),
    ),
    takes=SUBMIT_TAKES,
    body=json_body(schema_ref("WorkflowRequest"), _EXAMPLES),
)
GET_WORKFLOW = operation(
    "get_workflow",
    {
        "200": answer("The workflow", "Workflow", _SHOWN),
        "304": {"description": "The caller knows all of it", "headers": _SHOWN},
    },
    problems=_OF_A_WORKFLOW,
    takes=("IfNoneMatch", "Prefer"),
)
_AGAIN = {"202": answer("It goes on, under the same id", "Workflow", _ON_ITS_WAY)}
_ONE_NODE: Json = {
    "failed": {"summary": "A node by its path", "value": {"node": "fetch"}},
}
RETRY_WORKFLOW = operation(
    "retry_workflow",
    _AGAIN | {"200": answer("It has ended again", "Workflow", _SUBMITTED)},
    problems=(*STEERING_PROBLEMS, *_OF_A_WORKFLOW, "not-finished", "nothing-to-retry"),
    takes=SUBMIT_TAKES,
    body=json_body(NO_MEMBERS, required=False),
)
RERUN_WORKFLOW = operation(
    "rerun_workflow",
    _AGAIN | {"200": answer("It has ended again", "Workflow", _SUBMITTED)},
    problems=(*STEERING_PROBLEMS, *_OF_A_WORKFLOW, "not-finished", "unknown-task"),
    takes=SUBMIT_TAKES,
    body=json_body(
        schema_ref("Rerun"),
        {
            "another input": {
                "summary": "From a node on, with another input",
                "value": {"node": "sum", "input": {"x": {"$from": "left"}, "y": 5}},
            }
        },
    ),
)
SKIP_NODE = operation(
    "skip_node",
    _AGAIN | {"200": answer("It has ended", "Workflow", _SUBMITTED)},
    problems=(*STEERING_PROBLEMS, *_OF_A_WORKFLOW, "not-skippable", "not-finished"),
    takes=SUBMIT_TAKES,
    body=json_body(schema_ref("Skip"), _ONE_NODE),
)
LIST_WORKFLOWS = operation(
    "list_workflows",
    {"200": answer("A page of workflows", "WorkflowPage", headers(Link="Link"))},
    problems=("invalid-page-token", "invalid-input"),
)
LIST_NODES = operation(
    "list_nodes",
    {"200": answer("A page of nodes", "NodePage", headers(Link="Link"))},
    problems=(*_OF_A_WORKFLOW, "invalid-page-token", "invalid-input"),
)
_LINES: Json = {
    "schema": {"type": "string"},
    "example": '{"node":"each/0","index":0,"job_id":"...","status":"succeeded","result":2,'
    '"error":null}\n',
}
GET_RESULTS = operation(
    "get_results",
    {"200": {"description": "A line for each job", "content": {JSON_LINES[0]: _LINES}}},
    problems=(*_OF_A_WORKFLOW, "invalid-input"),
)
_STREAM = stream("`workflow.*` with the workflow as `data`, `job.*` with a job of it")
WORKFLOW_EVENTS = operation(
    "workflow_events",
    {
        "200": {
            "description": "The workflow as it is, then each change, up to its end",
            "content": {"text/event-stream": {"schema": _STREAM}},
        }
    },
    problems=_OF_A_WORKFLOW,
    takes=("LastEventId",),
)
CANCEL_WORKFLOW = operation(
    "cancel_workflow",
    {
        "200": answer("It is cancelled, now or already", "Workflow", _SUBMITTED),
        "202": answer("Nodes of it run, and were asked to stop", "Workflow", _ON_ITS_WAY),
    },
    problems=(*STEERING_PROBLEMS, *_OF_A_WORKFLOW, "already-finished"),
    takes=SUBMIT_TAKES,
    body=json_body(NO_MEMBERS, required=False),
)
