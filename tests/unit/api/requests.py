"""Requests as the gateway's functions get them, without a server."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request


def a_request(
    method: str = "POST",
    path: str = "/v1/jobs",
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    caller: str = "",
    leaves: bool = False,
) -> Request:
    """A request without a body; its client stays until the answer, unless it `leaves`."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(n.lower().encode(), v.encode()) for n, v in (headers or {}).items()],
        "scheme": "http",
        "server": ("gateway", 80),
        "warren.caller": caller,
    }

    async def receive() -> dict[str, Any]:
        if leaves:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError

    return Request(scope, receive)
