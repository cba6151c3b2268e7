"""One attempt: bind the input, run the task as it asked to be run, turn the outcome into an End."""

import asyncio
from dataclasses import replace

import orjson

from shared.contracts.job import Failure, Job
from shared.infrastructure.end_statements import End
from shared.infrastructure.logs import get_logger
from warren.job import Job as JobContext
from warren.outcome import error_of
from worker.executions import Execution, TimedOut
from worker.executions.processes import TaskFailed
from worker.registry import Registry
from worker.reports import ReportPort, Reports

log = get_logger(__name__)


class Executor:
    """Runs claimed jobs; whatever a task does, `run` returns how it ended."""

    def __init__(
        self, registry: Registry, executions: dict[str, Execution], reports: Reports, *, most: int
    ) -> None:
        self._registry = registry
        self._executions = executions
        self._reports = reports
        self._most = most  # bytes of a result

    async def run(self, job: Job) -> End:
        """Return how the attempt ended. Only a cancellation of the caller's is raised."""
        with self._reports.of(job) as port:
            end = await self._outcome(job, port)
            return replace(end, progress=port.latest) if port.latest else end

    async def _outcome(self, job: Job, port: ReportPort) -> End:
        try:
            result = await self._attempt(job, port)
        except TimedOut as error:
            return _fixed_failure(job, "timeout", str(error), retryable=True)
        except TaskFailed as error:
            return End(job=job, error=Failure(**error.error))
        except asyncio.CancelledError as error:
            if _cancelled_from_outside():
                raise
            return _raised(job, error)
        except BaseException as error:  # noqa: BLE001 -- tasks may raise anything
            return _raised(job, error)
        if len(result) > self._most:
            return _fixed_failure(job, "result-too-large", self._too_large(result))
        return End(job=job, result=result.decode())

    async def _attempt(self, job: Job, port: ReportPort) -> bytes:
        task = self._registry.get(job.task)
        given = orjson.loads(job.input)
        context = JobContext(id=job.id, attempt=job.attempt, input=given, port=port)
        return await self._executions[task.execution].run(
            task, context, timeout=job.timeout_s or task.timeout_s
        )

    def _too_large(self, result: bytes) -> str:
        return (
            f"the result has {len(result)} bytes, more than WARREN_MAX_RESULT_BYTES={self._most}; "
            "store it elsewhere and return a reference"
        )


def _cancelled_from_outside() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _raised(job: Job, error: BaseException) -> End:
    failure = Failure(**error_of(error, attempt=job.attempt))
    log.info("job.raised", job_id=job.id, task=job.task, error=failure.type)
    return End(job=job, error=failure)


def _fixed_failure(job: Job, kind: str, message: str, *, retryable: bool = False) -> End:
    log.info("job.failed", job_id=job.id, task=job.task, error=kind)
    return End(
        job=job,
        error=Failure(type=kind, message=message, retryable=retryable, attempt=job.attempt),
    )
