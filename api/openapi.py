"""Pieces of the OpenAPI document that routes refer to."""

from typing import Any

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_JOB = {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}

Responses = dict[int | str, dict[str, Any]]


def _problems(*statuses: int) -> Responses:
    return {status: {"description": "A problem", "content": _PROBLEM} for status in statuses}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_ALWAYS = _problems(401, 403, 500, 503)
ACCEPTS: Responses = {
    202: {"description": "Accepted: durable, on its way", "content": _JOB},
    200: {"description": "The job has already ended", "content": _JOB},
    **_problems(400, 404, 409, 413, 415, 422),
    **_ALWAYS,
}
SHOWS: Responses = {
    200: {"description": "The job", "content": _JOB},
    304: {"description": "The caller has this version"},
    **_problems(404, 410),
    **_ALWAYS,
}
SUBMIT: dict[str, Any] = {}
BULK: dict[str, Any] = {}
ACCEPTS_BULK: Responses = {202: _json("Accepted", {"type": "object"}), **_problems(400, 409, 413, 415, 422), **_ALWAYS}
LISTS: Responses = {200: _json("A page", {"type": "object"}), **_problems(400, 422), **_ALWAYS}
RESULTS: Responses = {200: _json("The bare result", {}), 202: {"description": "Not done", "content": _JOB}, **_problems(404, 409), **_ALWAYS}
LOGS: Responses = {200: _json("Log lines", {"type": "object"}), **_problems(404), **_ALWAYS}
EVENTS: Responses = {200: _json("The timeline", {"type": "object"}), **_problems(404), **_ALWAYS}
TASKS: Responses = {200: _json("The catalogue", {"type": "object"}), **_ALWAYS}
TASK: Responses = {200: _json("A task", {"type": "object"}), **_problems(404), **_ALWAYS}
HEALTH: Responses = {200: _json("Well", {"type": "object"}), 503: _json("Not well", {"type": "object"})}
METRICS: Responses = {200: {"description": "Counters", "content": {"text/plain": {}}}}
