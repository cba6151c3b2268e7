"""The three ways to run a task: on the loop, in a thread, in a process that can be killed."""

from typing import Any, Protocol

from shared.contracts.job import Job
from shared.contracts.record import record
from warren.job import Job as JobContext
from warren.task import Task
from worker.attempt import Attempt


class TimedOut(TimeoutError):
    """The attempt took longer than its hard timeout."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the attempt took longer than its timeout of {seconds:g} s")
        self.seconds = seconds


@record
class Limits:
    """How long an attempt may take, in seconds: until it is told, and until it is over."""

    soft_s: float | None = None
    hard_s: float | None = None


NO_LIMITS = Limits()


def limits_of(job: Job, task: Task[..., Any]) -> Limits:
    """Return the limits of a job, or else of its task; a soft one that comes last is none."""
    soft_s = job.soft_timeout_s or task.soft_timeout_s
    hard_s = job.timeout_s or task.timeout_s
    if soft_s is None and hard_s is None:
        return NO_LIMITS
    if soft_s is not None and hard_s is not None and soft_s >= hard_s:
        soft_s = None
    return Limits(soft_s=soft_s, hard_s=hard_s)


class Execution(Protocol):
    """Runs a task to its result."""

    async def run(
        self, task: Task[..., Any], job: JobContext, attempt: Attempt, limits: Limits
    ) -> bytes:
        """Return the result as JSON; raise what the task raised, SoftTimeout or TimedOut."""
