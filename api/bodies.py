"""Reading request bodies: their type first, then strict JSON."""

import asyncio
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.headers import header
from api.problems import ProblemError
from shared.contracts.errors import Fault, InvalidInput, Malformed
from shared.contracts.strict_json import parse

_LARGE = 100_000  # bytes; parsing them takes milliseconds
JSON_LINES = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines")


async def read_body(request: Request) -> bytes:
    """Return the whole body; raise ClientDisconnect if the client leaves before it is here."""
    chunks: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def media_type(request: Request) -> str:
    """Return the body's media type without its parameters."""
    return (header(request, b"content-type") or "").partition(";")[0].strip().lower()


async def read_object(request: Request, *, optional: bool = False) -> tuple[bytes, Any]:
    """Return the body, and the JSON object in it; one that is absent is empty if `optional`."""
    body = await read_body(request)
    if optional and not body.strip():
        return body, {}
    value = read_json(request, body)
    if not isinstance(value, dict):
        raise InvalidInput([Fault("", "the body must be an object")])
    return body, value


async def read_large_object(request: Request) -> tuple[bytes, dict[str, Any]]:
    """Return the body and the JSON object in it; a large one is parsed beside the loop."""
    body = await read_body(request)
    check_type(request, body)
    value = parse(body) if len(body) < _LARGE else await asyncio.to_thread(parse, body)
    if not isinstance(value, dict):
        raise InvalidInput([Fault("", "the body must be an object")])
    return body, value


def read_json(request: Request, body: bytes) -> Any:
    """Return the JSON value of a body; raise Malformed or a 415 problem."""
    check_type(request, body)
    return parse(body)


def check_type(request: Request, body: bytes) -> None:
    """Raise Malformed or a 415 problem unless this may be JSON."""
    kind = media_type(request)
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        shown = f"as {kind}" if kind else "without a Content-Type"
        raise ProblemError(
            "unsupported-media-type", f"the body came {shown}; send Content-Type: application/json"
        )
    if not body:
        raise Malformed("the body is empty; send a JSON object")
