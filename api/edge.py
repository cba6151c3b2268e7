"""The outermost layer: request ids, body limits, keys, counters, and a problem for each error."""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from itertools import count
from uuid import uuid4

from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import REQUESTS
from api.parts import Parts
from api.problems import ProblemError, as_problem, problem_response
from shared.infrastructure.logs import get_logger

log = get_logger(__name__)

_PROCESS = uuid4().hex[:22]
_NUMBERS = count()
_LARGE = frozenset(("/v1/jobs/bulk", "/v1/workflows"))

Endpoint = tuple[str, str]  # method and path
Handler = Callable[[Request, Parts], Awaitable[Response]]


class Edge:
    """ASGI middleware around the whole application.

    The endpoints in `straight` are called from here: for the hottest of them the framework's own
    layers would cost as much as all else together (docs/decisions/0012). The framework knows them
    too, so that the documents and the answers to other methods stay the same.
    """

    def __init__(
        self, app: ASGIApp, *, parts: Callable[[], Parts], straight: Mapping[Endpoint, Handler]
    ) -> None:
        self._app = app
        self._parts = parts
        self._straight = straight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the caller, then let the application answer."""
        headers = scope["warren.headers"] = dict(scope["headers"])
        endpoint = scope["method"], scope["path"]
        parts = self._parts()
        scope["warren.caller"] = parts.keys.check_request(*endpoint, headers.get(b"authorization"))
        _check_length(headers.get(b"content-length"), self.limit_for(scope["path"]))
        if handler := self._straight.get(endpoint):
            response = await handler(Request(scope, receive, send), parts)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def limit_for(self, path: str) -> int:
        """Return how many bytes a body for this path may have."""
        settings = self._parts().settings
        return settings.max_bulk_bytes if path in _LARGE else settings.max_body_bytes


class _Exchange:
    """One HTTP request and its answer."""

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
        self._edge = edge
        self._scope = scope
        self._receive = receive
        self._send = send
        self._received = 0
        self._limit = edge.limit_for(scope["path"])
        self._status = 0
        self._id = _request_id(scope)

    async def run(self) -> None:
        started = time.perf_counter()
        try:
            await self._edge.serve(self._scope, self._bounded_receive, self._tagged_send)
        except Exception as error:
            problem = as_problem(error)
            if problem.slug == "internal":
                path = self._scope["path"]
                log.exception("request.failed", request_id=self._id, path=path)
            if self._status == 0:
                await problem_response(problem)(self._scope, self._receive, self._tagged_send)
        finally:
            _observer(self._scope["method"], self._status)(time.perf_counter() - started)

    async def _bounded_receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self._limit:
                raise too_large(self._limit)
        return message

    async def _tagged_send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message.setdefault("headers", []).append((b"x-request-id", self._id.encode()))
        await self._send(message)


def too_large(limit: int) -> ProblemError:
    """Return the problem of a body that is larger than `limit` bytes."""
    return ProblemError("body-too-large", f"the body has more than {limit} bytes")


def _check_length(header: bytes | None, limit: int) -> None:
    if header is not None and header.isdigit() and int(header) > limit:
        raise too_large(limit)


@cache
def _observer(method: str, status: int) -> Callable[[float], None]:
    return REQUESTS.labels(method, str(status)).observe


def _request_id(scope: Scope) -> str:
    """Return the caller's id of a request if it is plain, else one of ours."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and 0 < len(value) <= 100 and value.isalnum():
            return str(value.decode())
    return f"{_PROCESS}{next(_NUMBERS):010x}"
