"""The three ways to run a task: on the loop, in a thread, in a process that can be killed."""

from typing import Any, Protocol

from warren.job import Job
from warren.task import Task


class TimedOut(Exception):
    """The attempt took longer than its hard timeout."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the attempt took longer than its timeout of {seconds:g} s")
        self.seconds = seconds


class Execution(Protocol):
    """Runs a task to its result."""

    async def run(self, task: Task[..., Any], job: Job, *, timeout: float | None) -> bytes:
        """Return the result as JSON; raise what the task raised, or TimedOut."""
