"""HTTP answers that show a workflow."""

from collections.abc import Mapping
from hashlib import sha256

from fastapi import Request, Response

from api.answers import JSON, known_tags
from api.views import to_json
from api.workflows.views import Facts

_POLL_AFTER = "1"  # seconds


def accepted(
    view: Facts, headers: Mapping[str, str] = {}, *, status_code: int | None = None
) -> Response:
    """Answer a submission: 202 while the workflow is on its way, 200 once it has ended."""
    body = to_json(view)
    extra = {"Location": view["links"]["self"], "ETag": _etag(view, body), **headers}
    if not view["done"]:
        extra["Retry-After"] = _POLL_AFTER
    status_code = status_code or (200 if view["done"] else 202)
    return Response(body, status_code=status_code, media_type=JSON, headers=extra)


def shown(request: Request, view: Facts, headers: Mapping[str, str] = {}) -> Response:
    """Answer a read: 200, or 304 if the caller knows all that it says."""
    body = to_json(view)
    tag = _etag(view, body)
    extra = {"ETag": tag, "Cache-Control": "no-store", **headers}
    if not view["done"]:
        extra["Retry-After"] = _POLL_AFTER
    if tag in known_tags(request):
        return Response(status_code=304, headers=extra)
    return Response(body, media_type=JSON, headers=extra)


def _etag(view: Facts, body: bytes) -> str:
    """Return a tag of all that is shown: nodes move on while the workflow keeps its version."""
    return f'"v{view["version"]}-{sha256(body).hexdigest()[:16]}"'
