"""One example of each problem, for its page."""

from typing import Any

_JOB = "0199f3a2-7c41-7d0e-9b3a-5f6d2c8e1a47"
_OTHER = "0199f3a2-9d02-7b31-8c55-1e7a90b4f6d3"

EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "malformed-request": ("NaN is not JSON; use null or a string", {}),
    "invalid-page-token": ("this page_token does not belong to a list with these filters", {}),
    "unauthenticated": ("no API key was sent", {}),
    "forbidden": ("the key dashboard is read; this needs submit", {}),
    "not-found": (f"there is no job {_JOB}", {}),
    "unknown-task": (
        "no worker has declared a task named 'math.ad'; GET /v1/tasks lists those that exist",
        {},
    ),
    "method-not-allowed": ("/v1/tasks does not take POST", {}),
    "idempotency-in-progress": (
        "the first request with this Idempotency-Key is still under way",
        {},
    ),
    "job-not-succeeded": (
        f"job {_JOB} failed: division by zero",
        {
            "error": {
                "type": "ZeroDivisionError",
                "message": "division by zero",
                "retryable": False,
                "attempt": 1,
                "traceback": None,
            },
            "job_status": "failed",
        },
    ),
    "already-finished": (
        f"job {_JOB} has already succeeded; it cannot be cancelled",
        {"job_status": "succeeded"},
    ),
    "duplicate": (
        f"job {_JOB} was to be the only one of its kind, and job {_OTHER} is under way; "
        "wait for its end, or cancel it",
        {"job_id": _OTHER},
    ),
    "not-finished": (f"job {_JOB} is running; it has not ended", {"job_status": "running"}),
    "part-of-workflow": (
        f"job {_JOB} is the node 'report' of workflow {_JOB}; "
        f"POST /v1/workflows/{_JOB}/rerun runs it again, with all that depends on it",
        {"job_status": "failed"},
    ),
    "nothing-to-retry": (
        f"workflow {_JOB} has succeeded, and no node of it has failed",
        {"job_status": "succeeded"},
    ),
    "not-skippable": ("node 'report' is running; cancel its job, or wait", {}),
    "worker-gone": ("worker 4f1c0b7a is dead; it cannot drain", {}),
    "job-expired-from-history": (
        f"job {_JOB} has ended and was removed from the history",
        {},
    ),
    "body-too-large": ("the body has more than 1048576 bytes", {}),
    "too-many-items": ("12000 items came; send at most 10000 at once", {}),
    "unsupported-media-type": (
        "the body came as text/plain; send Content-Type: application/json",
        {},
    ),
    "invalid-input": (
        '/input/x: "one" is not of type "integer"',
        {"errors": [{"pointer": "/input/x", "message": '"one" is not of type "integer"'}]},
    ),
    "invalid-schedule": (
        "/cron: the hour field takes 0 to 23; not '24'",
        {
            "errors": [
                {"pointer": "/cron", "message": "the hour field takes 0 to 23; not '24'"},
            ]
        },
    ),
    "invalid-workflow": (
        "node 'report' depends on 'pages', and there is no such node",
        {
            "errors": [
                {
                    "pointer": "/nodes/report",
                    "message": "node 'report' depends on 'pages', and there is no such node",
                },
            ]
        },
    ),
    "schedule-exists": ("another schedule has the name 'nightly'; choose another one", {}),
    "idempotency-mismatch": (
        "Idempotency-Key 'order-7' was first used for another request; use a new key",
        {},
    ),
    "lane-full": (
        "100 jobs wait for the key 'customer:42', and no more than 100 are to; try again later",
        {"key": "customer:42", "depth": 100, "cap": 100},
    ),
    "internal": ("The request failed; it was logged with its id.", {}),
    "store-unavailable": ("MongoDB has no primary", {}),
    "shutting-down": ("this gateway is shutting down", {}),
}
"""The detail and the further members, by the last part of the problem's `type`."""
