"""An executor of the odd tasks, and what they report."""

import asyncio
import json
from typing import Any

import bson

from shared.contracts.attempt import Failure
from shared.contracts.job import Job
from shared.infrastructure.end_statements import End, encode_end
from tests.builders import a_running_job
from tests.fakes.store import FakeReports
from tests.fakes.worker import FakeHeldLanes
from tests.unit.worker import told_tasks
from warren.task import tasks_of
from worker.attempt import Attempt
from worker.executor import Executor
from worker.reports import Reports

MOST = 1000
"""Bytes of a result that the bench takes."""

_TOLD = {each.name.removeprefix("told_tasks.") for each in tasks_of(told_tasks)}


class Bench:
    """Runs odd tasks as attempts of their own."""

    def __init__(
        self, executor: Executor, reports: Reports, store: FakeReports, lanes: FakeHeldLanes
    ) -> None:
        self.executor = executor
        self.reports = reports
        self.store = store
        self.lanes = lanes

    def job(self, name: str, input: object = None, **overrides: Any) -> Job:
        module = "told_tasks" if name in _TOLD else "odd_tasks"
        return a_running_job(task=f"{module}.{name}", input=json.dumps(input or {}), **overrides)

    def start(self, attempt: Attempt) -> "asyncio.Task[End]":
        """Run an attempt in a task of its own, as the runner does."""
        running = asyncio.create_task(self.executor.run(attempt))
        attempt.running = running
        return running

    async def end_of(self, name: str, input: object = None, **overrides: Any) -> End:
        """Run a task of this name and return how it ended, which must be fit to be stored."""
        job = self.job(name, input, **overrides)
        end = await self.start(Attempt(job))
        assert end.job == job
        bson.decode(encode_end(end).raw)
        return end

    async def error_of(self, name: str, input: object = None, **overrides: Any) -> Failure:
        end = await self.end_of(name, input, **overrides)
        assert end.result is None
        assert end.error is not None
        return end.error

    async def result_of(self, name: str, input: object = None, **overrides: Any) -> Any:
        end = await self.end_of(name, input, **overrides)
        assert end.error is None
        assert end.result is not None
        return json.loads(end.result)

    async def lines_of(self, job: Job) -> list[dict[str, Any]]:
        """Return what stands in the log of a job by now."""
        await self.reports.flush()
        lines = [bson.decode(line.raw) for line in self.store.lines]
        return [line for line in lines if line["job_id"] == job.id]
