"""The SDK's fixtures that run a task as its worker would, and a web server to fetch from."""

from collections.abc import Iterator

import pytest

from tests.unit.tasks.web import Web
from warren.pytest_plugin import _arun_task, _run_task

__all__ = ["_arun_task", "_run_task"]


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on this machine."""
    with Web() as server:
        yield server


@pytest.fixture
def private_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tasks fetch from this machine."""
    monkeypatch.setenv("WARREN_HTTP_ALLOW_PRIVATE", "1")
