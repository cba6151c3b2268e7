"""`demo.sleep`: it sleeps, and says so."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from warren.recorder import Progress
from warren.rehearsal import Outcome
from worker.tasks.demo import sleep

Run = Callable[..., Awaitable[Outcome]]


async def test_it_reports_each_step_and_what_it_did(arun_task: Run) -> None:
    outcome = await arun_task(sleep, {"seconds": 0.03, "steps": 3})
    assert outcome.progress == [Progress(n, 3, f"step {n} of 3") for n in (1, 2, 3)]
    assert [line.message for line in outcome.logs] == ["falling asleep", "awake"]
    assert outcome.result["steps"] == 3
    assert 0.03 <= outcome.result["slept_s"] < 5


async def test_no_time_at_all_is_a_time(arun_task: Run) -> None:
    assert (await arun_task(sleep, {"seconds": 0})).result["steps"] == 10


@pytest.mark.parametrize(
    "wrong", [{}, {"seconds": -1}, {"seconds": 3601}, {"seconds": 1, "steps": 0}, {"seconds": "1"}]
)
async def test_what_is_no_time_is_refused(arun_task: Run, wrong: dict[str, Any]) -> None:
    outcome = await arun_task(sleep, wrong)
    assert outcome.error is not None
    assert outcome.error["type"] == "invalid-input"


async def test_it_ends_at_once_when_its_time_is_up(arun_task: Run) -> None:
    outcome = await arun_task(sleep, {"seconds": 600}, timeout_s=0.1)
    assert outcome.error is not None
    assert outcome.error["type"] == "timeout"


def test_the_task_is_demo_sleep_and_runs_on_the_loop() -> None:
    assert (sleep.name, sleep.queue, sleep.execution) == ("demo.sleep", "demo", "loop")
