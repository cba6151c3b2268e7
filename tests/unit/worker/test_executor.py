"""One attempt: whatever a task does, there is an end, and it can be stored."""

import asyncio

import pytest

from shared.contracts.moves import Move
from tests.unit.worker.bench import MOST, Bench
from tests.unit.worker.odd_tasks import RAISED, RETURNED
from worker.attempt import Attempt

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


async def test_thread_tasks_run_in_the_threads_that_are_for_them(bench: Bench) -> None:
    assert (await bench.result_of("own_thread")).startswith("task")


@pytest.mark.parametrize("name", ["reports", "reports_from_a_process"])
async def test_what_a_task_reports_while_it_runs_is_kept(bench: Bench, name: str) -> None:
    job = bench.job(name)
    await bench.start(Attempt(job))
    [line] = await bench.lines_of(job)
    assert (line["level"], line["message"]) == ("warning", "a line")
    assert line["fields"] == '{"x":1}'


async def test_a_job_that_does_not_hold_its_lanes_goes_back_in_line(bench: Bench) -> None:
    job = bench.job("echo", {"value": 1}, keys=("k",))
    bench.lanes.shut_out = {job.id}
    end = await bench.start(Attempt(job))
    assert (end.move, end.line, end.event) == (Move.STAND_IN_LINE, "", "job.waiting")
    assert (end.after.lane, end.after.attempt) == ("k", job.attempt - 1)
    bench.lanes.shut_out = set()
    assert (await bench.start(Attempt(job))).move is Move.SUCCEED


async def test_a_job_that_is_cancelled_before_its_lanes_are_looked_up_does_not_begin(
    bench: Bench,
) -> None:
    job = bench.job("echo", {"value": 1}, keys=("k",))
    attempt = Attempt(job)
    looking = bench.lanes.waits = asyncio.get_running_loop().create_future()
    running = bench.start(attempt)
    await asyncio.sleep(0)
    attempt.ask()
    looking.set_result(None)
    assert (await running).move is Move.CANCEL
