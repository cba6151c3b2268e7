"""A pytest plugin that runs other tests on a service whose calls to its stores are in trouble.

    TROUBLE=0.1:7 python -m pytest -p tests.faults.trouble_plugin tests/journeys

Clients do what docs/guarantees.md asks of them: what is answered with 503 they repeat, under the
same idempotency key, also while that is taken to be under way.
"""

import asyncio
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from deploy.local.stack import Stack

_TRIES = 120
_PAUSE = 0.1  # seconds
TROUBLE = os.environ.get("TROUBLE", "0.1:1")


def pytest_report_header() -> str:
    """Say what to repeat."""
    return f"trouble: TROUBLE={TROUBLE} (rate:seed)"


@pytest.fixture(autouse=True, scope="session")
def in_trouble(stack: Stack) -> Iterator[None]:
    """Start every process of the service through the injector; let clients be patient."""
    stack.through = ("tests.faults.through", f"trouble={TROUBLE}", "--")
    hasty = httpx2.AsyncHTTPTransport.handle_async_request

    async def patient(transport: Any, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and "idempotency-key" not in request.headers:
            request.headers["idempotency-key"] = uuid4().hex
        for _ in range(_TRIES):
            answer = await hasty(transport, request)
            if not await _asks_to_repeat(answer):
                break
            await answer.aclose()
            await asyncio.sleep(_PAUSE)
        return answer

    transport: Any = httpx2.AsyncHTTPTransport
    transport.handle_async_request = patient
    yield
    transport.handle_async_request = hasty


async def _asks_to_repeat(answer: httpx2.Response) -> bool:
    if answer.status_code == 409:
        return b"idempotency-in-progress" in await answer.aread()
    return answer.status_code == 503
