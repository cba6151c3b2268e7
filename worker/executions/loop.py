"""`async def` tasks run on the worker's event loop."""

from typing import Any

from warren.job import Job
from warren.outcome import to_json
from warren.task import Task
from worker.attempt import Attempt
from worker.executions import Limits
from worker.executions.cut import Cut


class OnTheLoop:
    """Awaits the task, and cuts it short at its limits or when its job is cancelled."""

    def __init__(self) -> None:
        self.left: set[Attempt] = set()  # these ignore that their time is over, and still run

    async def run(self, task: Task[..., Any], job: Job, attempt: Attempt, limits: Limits) -> bytes:
        """Return the result as JSON; raise what the task raised, SoftTimeout or TimedOut."""
        cut = Cut(attempt, limits, self.left)
        try:
            with cut:
                value = await task.fn(**task.arguments(job.input, job))
        except BaseException as error:
            meaning = cut.meaning_of(error)
            if meaning is error:
                raise
            raise meaning from error
        if cut.too_late:
            raise cut.too_late
        return to_json(value)
