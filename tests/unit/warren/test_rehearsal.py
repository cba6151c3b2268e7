"""The pytest plugin: a task runs as its worker would run it, without services."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.unit.warren import sample_tasks
from warren import task
from warren.recorder import LogLine, Progress
from warren.rehearsal import Outcome

Run = Callable[..., Outcome]
ARun = Callable[..., Awaitable[Outcome]]


def test_a_task_succeeds_with_its_result_and_reports(run_task: Run) -> None:
    outcome = run_task(sample_tasks.count, {"to": 2})
    assert (outcome.status, outcome.result, outcome.error) == ("succeeded", 2, None)
    assert outcome.progress == [Progress(1, 2, "at 1"), Progress(2, 2, "at 2")]
    fields = {"to": 2, "when": "2026-01-01T00:00:00Z"}
    assert outcome.logs == [LogLine("warning", "counted", fields)]


async def test_an_async_test_runs_tasks_on_its_own_loop(arun_task: ARun) -> None:
    assert (await arun_task(sample_tasks.add, {"x": 1})).result == 4
    assert (await arun_task(sample_tasks.count, {"to": 1})).status == "succeeded"


async def test_the_sync_fixture_works_in_an_async_test_too(run_task: Run) -> None:
    assert run_task(sample_tasks.count, {"to": 1}).result == 1


def test_a_def_task_runs_in_a_thread(run_task: Run) -> None:
    assert run_task(sample_tasks.count_in_a_thread, {"to": 1}).result["thread"] is False


def test_a_wrong_input_fails_as_it_would_in_a_worker(run_task: Run) -> None:
    outcome = run_task(sample_tasks.add, {"x": "1", "z": 2}, attempt=3)
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert (outcome.error["type"], outcome.error["attempt"]) == ("invalid-input", 3)
    assert "/x" in outcome.error["message"]


def test_a_result_goes_through_json(run_task: Run) -> None:
    @task(name="t.pair")
    def pair() -> tuple[int, set[int]]:
        return 1, {2}

    assert run_task(pair).result == [1, [2]]


@pytest.mark.parametrize(
    ("fails", "kind", "retryable"),
    [
        (sample_tasks.give_up, "GiveUp", False),
        (sample_tasks.leave, "SystemExit", True),
        (sample_tasks.returns_an_object, "unserialisable-result", False),
        (sample_tasks.breaks, "ValueError", True),
        (sample_tasks.dies, "ProcessDied", True),
    ],
)
def test_whatever_a_task_does_is_an_error_in_json(
    run_task: Run, fails: Any, kind: str, retryable: bool
) -> None:
    error = run_task(fails).error
    assert error is not None
    assert (error["type"], error["retryable"]) == (kind, retryable)


@pytest.mark.parametrize("late", [sample_tasks.sleep, sample_tasks.stubborn])
def test_a_late_task_on_the_loop_times_out(run_task: Run, late: Any) -> None:
    error = run_task(late, {"seconds": 30}, timeout_s=0.05).error
    assert error == {
        "type": "timeout",
        "message": "the attempt took longer than its timeout of 0.05 s",
        "retryable": True,
        "attempt": 1,
    }


def test_a_process_task_runs_in_a_process_of_its_own(run_task: Run) -> None:
    outcome = run_task(sample_tasks.pid)
    assert outcome.result not in (None, os.getpid())
    assert outcome.progress == [Progress(1, 2, "in a child")]
    assert outcome.logs == [LogLine("debug", "hello", {"from_": "child"})]
    assert run_task(sample_tasks.async_pid).result not in (None, os.getpid())


def test_a_late_process_is_killed(run_task: Run) -> None:
    error = run_task(sample_tasks.busy).error
    assert error is not None
    assert error["type"] == "timeout"


def test_a_task_may_be_told_that_it_is_cancelled(run_task: Run) -> None:
    @task(name="t.look")
    def look(job: Any, other: int = 1) -> bool:
        return bool(job)

    assert run_task(look, {"job": 1}).result is True, "only the type asks for the Job"
    assert run_task(sample_tasks.sees_cancel).result is False
    outcome = run_task(sample_tasks.sees_cancel, cancelled=True)
    assert (outcome.status, outcome.result) == ("cancelled", None)


def test_a_task_that_never_looks_keeps_its_own_end(run_task: Run) -> None:
    assert run_task(sample_tasks.add, {"x": 1}, cancelled=True).result == 4


def test_the_plugin_is_found_where_pyproject_says() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())
    module = project["project"]["entry-points"]["pytest11"]["warren"]
    assert hasattr(import_module(module), "_run_task")


def test_a_project_can_use_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from warren import task\n"
        "@task\n"
        "def double(x: int) -> int: return 2 * x\n"
        "def test_it(run_task): assert run_task(double, {'x': 2}).result == 4\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "warren.pytest_plugin", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(Path.cwd()), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
