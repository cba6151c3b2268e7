"""pytest's fixtures `run_task` and `arun_task`: run a task as its worker would, without services.

def test_it_adds(run_task):
    outcome = run_task(add, {"x": 1, "y": 4})
    assert outcome.result == 5
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from warren.rehearsal import Outcome

RunTask: TypeAlias = "Callable[..., Outcome]"
ARunTask: TypeAlias = "Callable[..., Awaitable[Outcome]]"


@pytest.fixture(name="run_task")
def _run_task() -> RunTask:
    """`run_task(task, input, attempt=1, cancelled=False, timeout_s=None, ...)` -> Outcome."""
    # Every pytest run loads this plugin: whoever does not use it should not pay for it.
    from warren.rehearsal import run_task  # noqa: PLC0415

    return run_task


@pytest.fixture(name="arun_task")
def _arun_task() -> ARunTask:
    """`await arun_task(task, input, ...)` -> Outcome, on the test's own event loop."""
    from warren.rehearsal import arun_task  # noqa: PLC0415 - as above

    return arun_task
