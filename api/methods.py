"""What HTTP asks of each resource: HEAD wherever there is GET, and 405 with all that is allowed.

A resource is a path template; the first one that fits a path is the resource. The framework would
match path and method together: it would take GET /v1/jobs/bulk for a job named `bulk`, and name in
Allow the methods of one route only (RFC 9110, sections 9.3.2 and 10.2.1).
"""

import re
from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemError


class Methods:
    """ASGI middleware inside the edge."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._resources: dict[re.Pattern[str], set[str]] = {}
        for route in routes:
            if isinstance(route, APIRoute):
                methods = self._resources.setdefault(route.path_regex, set())
                methods |= route.methods or set()
                if "GET" in methods:
                    methods.add("HEAD")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a method that the resource does not take; answer HEAD like GET, without a body."""
        if scope["type"] == "http":
            allowed = self._allowed(scope["path"])
            if allowed and scope["method"] not in allowed:
                raise ProblemError(
                    "method-not-allowed",
                    f"{scope['path'][:200]} does not take {scope['method'][:20]}",
                    headers={"Allow": ", ".join(sorted(allowed))},
                )
            if scope["method"] == "HEAD":
                scope, send = {**scope, "method": "GET"}, _headless(send)
        await self._app(scope, receive, send)

    def _allowed(self, path: str) -> set[str]:
        for template, methods in self._resources.items():
            if template.match(path):
                return methods
        return set()


def _headless(send: Send) -> Send:
    """Return a `send` that ends the answer after its headers, even that of a stream."""

    async def without_body(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})

    return without_body
