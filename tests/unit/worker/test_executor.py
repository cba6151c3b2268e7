"""One attempt: whatever a task does, there is an end, and it can be stored."""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bson
import pytest

from shared.contracts.job import Failure, Job
from shared.infrastructure.end_statements import End, encode_end
from tests.builders import a_running_job
from tests.fakes import FakeHints, FakeReports
from tests.unit.worker import odd_tasks
from tests.unit.worker.odd_tasks import RAISED, RETURNED
from worker.executions import Execution, loop
from worker.executions.loop import OnTheLoop
from worker.executions.processes import InProcesses
from worker.executions.threads import InThreads
from worker.executor import Executor
from worker.registry import load_registry
from worker.reports import Reports

MODULE = odd_tasks.__name__
MOST = 1000


class Bench:
    """An executor of the odd tasks, and what they report."""

    def __init__(self, executor: Executor, reports: Reports, store: FakeReports) -> None:
        self.executor = executor
        self.reports = reports
        self.store = store

    async def end_of(self, name: str, input: object = None, **overrides: Any) -> End:
        """Run a task of this name and return how it ended, which must be fit to be stored."""
        job = self.job(name, input, **overrides)
        end = await self.executor.run(job)
        assert end.job == job
        assert (end.result is None) != (end.error is None)
        bson.decode(encode_end(end).raw)
        return end

    async def error_of(self, name: str, input: object = None, **overrides: Any) -> Failure:
        end = await self.end_of(name, input, **overrides)
        assert end.error is not None, end.result
        return end.error

    async def result_of(self, name: str, input: object = None, **overrides: Any) -> Any:
        end = await self.end_of(name, input, **overrides)
        assert end.result is not None, end.error
        return json.loads(end.result)

    def job(self, name: str, input: object = None, **overrides: Any) -> Job:
        return a_running_job(task=f"odd_tasks.{name}", input=json.dumps(input or {}), **overrides)


@pytest.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    registry, store = load_registry([MODULE]), FakeReports()
    reports, in_processes = Reports(store, FakeHints()), InProcesses([MODULE])
    with ThreadPoolExecutor(4, thread_name_prefix="task") as threads:
        executions: dict[str, Execution] = {
            "loop": OnTheLoop(),
            "thread": InThreads(threads),
            "process": in_processes,
        }
        yield Bench(Executor(registry, executions, reports, most=MOST), reports, store)
        await in_processes.close()


WAYS = ["", "_in_a_thread", "_in_a_process"]
TYPES = {"Surrogate": "ValueError"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", RAISED)
async def test_whatever_a_task_raises_is_its_error(bench: Bench, what: str, way: str) -> None:
    error = await bench.error_of(f"raises{way}", {"what": what}, attempt=3)
    assert error.type == TYPES.get(what, what)
    assert error.attempt == 3
    assert error.retryable is (what != "GiveUp")
    assert error.traceback is not None
    assert await bench.result_of("echo", {"value": 1}) == 1  # and the next job runs


@pytest.mark.parametrize("what", RAISED)
async def test_whatever_a_task_with_a_timeout_raises_is_its_error(bench: Bench, what: str) -> None:
    error = await bench.error_of("raises", {"what": what}, timeout_s=30)
    assert error.type == TYPES.get(what, what)


@pytest.mark.parametrize("name", ["stops_iterating", "stops_iterating_in_a_process"])
async def test_a_task_that_raises_stop_iteration_fails(bench: Bench, name: str) -> None:
    assert (await bench.error_of(name)).type in ("RuntimeError", "StopIteration")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", RETURNED)
async def test_what_is_not_json_is_an_unserialisable_result(
    bench: Bench, what: str, way: str
) -> None:
    error = await bench.error_of(f"returns{way}", {"what": what})
    assert (error.type, error.retryable) == ("unserialisable-result", False)


@pytest.mark.parametrize("name", ["returns_bytes", "returns_bytes_from_a_process"])
async def test_a_result_may_be_as_large_as_the_setting_and_no_larger(
    bench: Bench, name: str
) -> None:
    assert len(await bench.result_of(name, {"count": MOST - 2})) == MOST - 2
    error = await bench.error_of(name, {"count": MOST - 1})
    assert (error.type, error.retryable) == ("result-too-large", False)
    assert "WARREN_MAX_RESULT_BYTES=1000" in error.message


@pytest.mark.parametrize("way", WAYS)
async def test_input_and_result_pass_through_as_they_are(bench: Bench, way: str) -> None:
    value = {"$where": ["\0", "\N{GRINNING FACE}", -(2**63), 1.5, None], "a.b": {"": []}}
    assert await bench.result_of(f"echo{way}", {"value": value}) == value


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("input", [{}, {"value": 1, "other": 2}])
async def test_an_input_that_does_not_fit_fails_and_is_not_tried_again(
    bench: Bench, way: str, input: dict[str, object]
) -> None:
    error = await bench.error_of(f"echo{way}", input)
    assert (error.type, error.retryable) == ("invalid-input", False)


async def test_a_task_that_is_not_here_fails(bench: Bench) -> None:
    assert (await bench.error_of("is_not_there")).type == "KeyError"


async def test_a_late_task_is_timed_out_by_its_own_limit_or_by_the_jobs(bench: Bench) -> None:
    own = await bench.error_of("always_late")
    asked = await bench.error_of("sleeps", {"seconds": 60}, timeout_s=0.02)
    assert (own.type, own.retryable, asked.type) == ("timeout", True, "timeout")
    assert "0.05 s" in own.message
    assert "0.02 s" in asked.message


async def test_a_task_that_raises_when_it_is_timed_out_is_timed_out(bench: Bench) -> None:
    assert (await bench.error_of("raises_when_cancelled", timeout_s=0.02)).type == "timeout"


async def test_a_task_that_ignores_its_timeout_is_timed_out_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_GRACE", 0.05)
    error = await bench.error_of("swallows_cancellation", {"seconds": 0.3}, timeout_s=0.02)
    assert error.type == "timeout"
    short = await bench.error_of("swallows_cancellation", {"seconds": 0.04}, timeout_s=0.02)
    assert short.type == "timeout"  # what it returns after its time does not count


@pytest.mark.parametrize("timeout_s", [None, 30])
@pytest.mark.parametrize("name", ["sleeps", "sleeps_in_a_process"])
async def test_a_cancellation_from_outside_is_no_end(
    bench: Bench, name: str, timeout_s: float | None
) -> None:
    job = bench.job(name, {"seconds": 60}, timeout_s=timeout_s)
    running = asyncio.create_task(bench.executor.run(job))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await running


async def test_a_thread_task_sees_that_it_is_asked_to_stop(bench: Bench) -> None:
    running = asyncio.create_task(bench.end_of("waits_until_told_to_stop"))
    await asyncio.sleep(0.02)
    bench.reports.cancel_all()
    assert (await running).result == '"stopped"'


async def test_thread_tasks_run_in_the_threads_that_are_for_them(bench: Bench) -> None:
    assert (await bench.result_of("own_thread")).startswith("task")


@pytest.mark.parametrize("name", ["reports", "reports_from_a_process"])
async def test_what_a_task_reports_while_it_runs_is_kept(bench: Bench, name: str) -> None:
    job = bench.job(name)
    bench.store.lines.clear()
    await bench.executor.run(job)
    await bench.reports.flush()
    [line] = [bson.decode(line.raw) for line in bench.store.lines]
    assert (line["job_id"], line["level"], line["message"]) == (job.id, "warning", "a line")
    assert line["fields"] == '{"x":1}'
