"""Child processes: one task at a time in each, and none that cannot be replaced."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.builders import a_running_job
from tests.eventually import eventually
from tests.unit.worker import odd_tasks
from warren.job import Job, Silent
from warren.task import Task
from worker.attempt import Attempt
from worker.executions import NO_LIMITS, Limits, TimedOut
from worker.executions.processes import InProcesses, ProcessDied

AnyTask = Task[..., Any]


@pytest.fixture
async def processes() -> AsyncIterator[InProcesses]:
    processes = InProcesses([odd_tasks.__name__])
    yield processes
    await processes.close()


async def run(
    processes: InProcesses, task: AnyTask, *, limits: Limits = NO_LIMITS, **input: Any
) -> bytes:
    job = Job(id="a job", attempt=2, input=input, port=Silent())
    return await processes.run(task, job, Attempt(a_running_job()), limits)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_task_runs_in_another_process_that_is_used_again(processes: InProcesses) -> None:
    first = await run(processes, odd_tasks.own_pid)
    assert int(first) != os.getpid()
    assert await run(processes, odd_tasks.own_pid) == first


async def test_tasks_run_side_by_side_each_in_its_own_process(processes: InProcesses) -> None:
    tasks = [run(processes, odd_tasks.sleeps_in_a_process, seconds=0.1) for _ in range(2)]
    assert await asyncio.gather(*tasks) == [b'"woke up"'] * 2
    pids = [run(processes, odd_tasks.own_pid) for _ in range(2)]
    assert len(set(await asyncio.gather(*pids))) == 2


async def test_an_async_task_may_run_in_a_process_too(processes: InProcesses) -> None:
    assert await run(processes, odd_tasks.sleeps_a_little_in_a_process, value=5) == b"5"


@pytest.mark.parametrize("code", [0, 7])
async def test_a_process_that_leaves_is_a_death_that_names_its_code(
    processes: InProcesses, code: int
) -> None:
    with pytest.raises(ProcessDied, match=f"code {code}"):
        await run(processes, odd_tasks.leaves, code=code)
    assert await run(processes, odd_tasks.echo_in_a_process, value=1) == b"1"


async def test_a_process_that_is_killed_is_a_death(processes: InProcesses) -> None:
    with pytest.raises(ProcessDied, match=f"code -{signal.SIGKILL.value}"):
        await run(processes, odd_tasks.is_killed)


async def test_an_idle_process_that_died_does_not_fail_the_next_job(
    processes: InProcesses,
) -> None:
    pid = int(await run(processes, odd_tasks.own_pid))
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not is_alive(pid))
    await asyncio.sleep(0.05)  # the event loop hears of it from a thread
    assert int(await run(processes, odd_tasks.own_pid)) != pid


async def test_a_process_is_killed_when_its_time_is_up(processes: InProcesses) -> None:
    pid = int(await run(processes, odd_tasks.own_pid))
    with pytest.raises(TimedOut, match=r"0\.05 s"):
        await run(processes, odd_tasks.sleeps_in_a_process, seconds=60, limits=Limits(hard_s=0.05))
    await eventually(lambda: not is_alive(pid))
    assert int(await run(processes, odd_tasks.own_pid)) != pid


async def test_the_start_of_a_process_does_not_count_as_time_of_the_task(
    processes: InProcesses,
) -> None:
    result = await run(processes, odd_tasks.echo_in_a_process, value=1, limits=Limits(hard_s=0.1))
    assert result == b"1"


async def test_a_process_is_killed_when_its_job_is_given_up(processes: InProcesses) -> None:
    pid = int(await run(processes, odd_tasks.own_pid))
    running = asyncio.create_task(run(processes, odd_tasks.sleeps_in_a_process, seconds=60))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: not is_alive(pid))


async def test_what_a_task_prints_or_reads_does_not_disturb_the_conversation(
    processes: InProcesses,
) -> None:
    async with asyncio.timeout(20):
        assert await run(processes, odd_tasks.prints_and_reads, value=5) == b"5"
        assert await run(processes, odd_tasks.echo_in_a_process, value=6) == b"6"


async def test_a_large_result_comes_through_whole(processes: InProcesses) -> None:
    text = "x" * 8_000_000
    assert await run(processes, odd_tasks.echo_in_a_process, value=text) == f'"{text}"'.encode()


async def test_closing_leaves_no_process_behind(processes: InProcesses) -> None:
    pids = [int(await run(processes, odd_tasks.own_pid))]
    await processes.close()
    assert not any(map(is_alive, pids))


async def test_a_child_that_cannot_import_its_tasks_is_a_death() -> None:
    processes = InProcesses(["tests.unit.worker.is_not_there"])
    with pytest.raises(ProcessDied):
        async with asyncio.timeout(20):
            await run(processes, odd_tasks.own_pid)
