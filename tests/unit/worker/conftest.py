"""What the tests of the worker share."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.broker import FakeHints
from tests.fakes.store import FakeReports
from tests.fakes.worker import FakeGrower, FakeHeldLanes, FakeLimiting, FakeValues
from tests.unit.worker import odd_tasks, told_tasks
from tests.unit.worker.bench import MOST, Bench
from worker.executions import Execution
from worker.executions.loop import OnTheLoop
from worker.executions.processes import InProcesses
from worker.executions.threads import InThreads
from worker.executor import Executor
from worker.registry import load_registry
from worker.reports import Reports


@pytest.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """An executor with all three ways to run a task."""
    modules = [odd_tasks.__name__, told_tasks.__name__]
    registry, store = load_registry(modules), FakeReports()
    reports, in_processes = Reports(store, FakeHints()), InProcesses(modules)
    lanes = FakeHeldLanes()
    with ThreadPoolExecutor(4, thread_name_prefix="task") as threads:
        executions: dict[str, Execution] = {
            "loop": OnTheLoop(),
            "thread": InThreads(threads),
            "process": in_processes,
        }
        yield Bench(
            Executor(
                registry,
                executions,
                reports,
                FakeValues(),
                FakeGrower(),
                FakeLimiting(),
                lanes,
                most=MOST,
            ),
            reports,
            store,
            lanes,
        )
        await in_processes.close()
