"""HTTP answers that show a job."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from api.views import etag, job_view, to_json
from shared.contracts.job import Job
from shared.contracts.pauses import NOTHING_PAUSED, Paused
from shared.infrastructure.workflow.awaiting import Awaited

JSON = "application/json"
_POLL_AFTER = "1"  # seconds


def accepted(
    job: Job,
    headers: Mapping[str, str] = {},
    *,
    status_code: int | None = None,
    paused: Paused = NOTHING_PAUSED,
) -> Response:
    """Answer a submission: 202 while the job is on its way, 200 once it has ended, unless told."""
    extra = {"Location": f"/v1/jobs/{job.id}", "ETag": etag(job), **headers}
    if not job.done:
        extra["Retry-After"] = _POLL_AFTER
    status_code = status_code or (200 if job.done else 202)
    body = to_json(job_view(job, paused=paused))
    return Response(body, status_code=status_code, media_type=JSON, headers=extra)


def shown(
    request: Request,
    job: Job,
    headers: Mapping[str, str] = {},
    *,
    awaited: Awaited | None = None,
    paused: Paused = NOTHING_PAUSED,
    gate: Mapping[str, Any] | None = None,
) -> Response:
    """Answer a read: 200, or 304 if the caller has this version; `gate` tells more of one."""
    tag = etag(job)
    extra = {"ETag": tag, "Cache-Control": "no-store", **headers}
    if not job.done:
        extra["Retry-After"] = _POLL_AFTER
    if tag in known_tags(request):
        return Response(status_code=304, headers=extra)
    view = job_view(job, awaited, paused=paused)
    if gate is not None:
        others = [each for each in view["waiting_for"] if each["gate"] != gate["gate"]]
        view["waiting_for"] = [gate, *others]
    return Response(to_json(view), media_type=JSON, headers=extra)


def next_link(request: Request, token: str) -> str:
    """Return the `Link` header that leads to the next page of the list that was asked for."""
    url = request.url.include_query_params(page_token=token)
    return f'<{url.path}?{url.query}>; rel="next"'


def known_tags(request: Request) -> list[str]:
    """Return the entity tags that the caller has."""
    given = request.headers.get("if-none-match", "")
    return [each.strip().removeprefix("W/") for each in given.split(",")]
