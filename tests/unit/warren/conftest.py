"""The SDK's own fixtures, and a service to talk to for each of its clients."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.warren.both_clients import blocking
from tests.unit.warren.service import Service
from warren import AsyncClient, Client
from warren.pytest_plugin import _arun_task, _run_task

__all__ = ["_arun_task", "_run_task"]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(params=["Client", "AsyncClient"])
def open_client(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Opens clients of either kind, both to be used like the sync one."""
    with asyncio.Runner() as runner:
        opened: list[Any] = []

        def open_(*args: Any, **options: Any) -> Any:
            if request.param == "Client":
                opened.append(Client(*args, **options))
            else:
                opened.append(blocking(AsyncClient(*args, **options), runner))
            return opened[-1]

        yield open_
        for client in opened:
            client.close() if request.param == "Client" else client.aclose()


@pytest.fixture
def client(open_client: Callable[..., Any], service: Service) -> Any:
    return open_client("http://warren.test", "secret", patience_s=2, transport=service.transport)
