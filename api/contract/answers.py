"""How a route declares what it takes and answers; problems come from the table of problems."""

from collections import defaultdict
from typing import Any

from fastapi import Response

from api.contract.components import Json, headers, parameters, schema_ref
from api.problems import KINDS, MEDIA_TYPE

ANYWHERE = ("unauthenticated", "forbidden", "internal", "store-unavailable")
"""What any route that needs a key can answer."""


def operation(
    name: str,
    answers: Json,
    *,
    problems: tuple[str, ...] = (),
    takes: tuple[str, ...] = (),
    body: Json | None = None,
) -> Json:
    """Return the arguments of a route's decorator. The first answer is the usual one."""
    extra: Json = {"responses": answers | problem_answers(*problems, *ANYWHERE)}
    if takes:
        extra["parameters"] = parameters(*takes)
    if body is not None:
        extra["requestBody"] = body
    return _decorator(name, extra)


def open_operation(name: str, answers: Json) -> Json:
    """The same for a route that needs no key and meets no trouble."""
    return _decorator(name, {"responses": answers, "security": []})


def _decorator(name: str, extra: Json) -> Json:
    usual = int(next(iter(extra["responses"])))
    return {
        "operation_id": name,
        "status_code": usual,
        "response_class": Response,
        "openapi_extra": extra,
    }


def answer(description: str, schema: Json | str, with_headers: Json | None = None) -> Json:
    """Return a JSON answer; a schema may be the name of a component."""
    schema = schema_ref(schema) if isinstance(schema, str) else schema
    return {
        "description": description,
        "content": {"application/json": {"schema": schema}},
        **({"headers": with_headers} if with_headers else {}),
    }


def problem_answers(*slugs: str) -> Json:
    """Return an answer for each status that these problems have."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for slug in slugs:
        by_status[KINDS[slug].status].append(slug)
    return {str(status): _problem(by_status[status]) for status in sorted(by_status)}


def _problem(slugs: list[str]) -> Json:
    told = [f"[{slug}](/problems/{slug}): {KINDS[slug].title}" for slug in slugs]
    found: dict[str, str] = {}
    if all(KINDS[slug].retry_after is not None for slug in slugs):
        found["Retry_After"] = "RetryAfter"
    if all(KINDS[slug].status == 401 for slug in slugs):
        found["WWW_Authenticate"] = "WwwAuthenticate"
    shown: dict[str, Any] = {
        "description": " · ".join(told),
        "content": {MEDIA_TYPE: {"schema": schema_ref("Problem")}},
    }
    return shown | ({"headers": headers(**found)} if found else {})
