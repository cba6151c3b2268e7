"""One attempt: bind the input, run the task as it asked to be run, turn the outcome into an End."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from shared.contracts.attempt import Failure
from shared.contracts.job import Job
from shared.contracts.moves import Move
from shared.contracts.workflow.faults import BadReference
from shared.infrastructure.end_statements import End
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workflow.values import Values
from warren.errors import CannotGrow, Replacement
from warren.job import Job as JobContext
from warren.outcome import error_of
from warren.verdict import Verdict
from worker.attempt import Attempt
from worker.deciding import end_before_start, end_of_failure
from worker.executions import Execution, TimedOut, limits_of
from worker.executions.processes import TaskFailed
from worker.growing import Grower
from worker.held_lanes import HeldLanes, ShutOut
from worker.limiting import Limiting, back_in_line
from worker.registry import Registry
from worker.reports import Reports
from worker.rest import Rest, rest_of
from worker.spawning import all_stored
from worker.turns import NoRoom

log = get_logger(__name__)


class Executor:
    """Runs claimed jobs; whatever a task does, `run` returns how it ended."""

    def __init__(
        self,
        registry: Registry,
        executions: dict[str, Execution],
        reports: Reports,
        values: Values,
        grower: Grower,
        limiting: Limiting,
        lanes: HeldLanes,
        *,
        most: int,
    ) -> None:
        self._registry = registry
        self._executions = executions
        self._reports = reports
        self._values = values
        self._grower = grower
        self._limiting = limiting
        self._lanes = lanes
        self._most = most  # bytes of a result

    async def run(self, attempt: Attempt) -> End:
        """Return how the attempt ended. Raises CancelledError only if it was abandoned."""
        if end := end_before_start(attempt.job):
            return end
        try:
            return await self._run(attempt)
        except BaseException as error:  # tasks may raise anything
            if attempt.abandoned:
                raise
            return self._end_of(attempt, error)

    async def _run(self, attempt: Attempt) -> End:
        if attempt.asked:
            return _cancelled(attempt)
        try:
            result = await self._attempt(attempt)
        except Replacement as replacement:
            return await self._replaced(attempt, replacement)
        if attempt.knows:
            return _cancelled(attempt)
        if len(result) > self._most:
            raise ResultTooLarge(len(result), self._most)
        verdict = Move.AWAIT if attempt.waits else None
        end = End(job=attempt.job, result=result.decode(), verdict=verdict)
        return replace(end, progress=attempt.progress) if attempt.progress else end

    async def _replaced(self, attempt: Attempt, replacement: Replacement) -> End:
        if attempt.asked:
            return _cancelled(attempt)
        return await self._grower.replaced(attempt, replacement.graph)

    def left(self, attempt: Attempt, error: BaseException) -> End:
        """Return the end of an attempt whose task goes on although it was cut short."""
        job = attempt.job
        log.error("task.left", job_id=job.id, task=job.task, reason=str(error))
        advice = "let CancelledError out of it, or use process=True"
        said = f"{error}, but the task goes on, so it was left behind: {advice}"
        self._reports.take_line(job, "error", said, {})
        return self._end_of(attempt, error)

    async def _attempt(self, attempt: Attempt) -> bytes:
        job = attempt.job
        task = self._registry.get(job.task)
        given = await self._input_of(attempt)
        self._grower.let_grow(attempt)
        held = self._lanes.look(job) if job.keys else None
        if job.limits:
            await self._limiting.enter(attempt, given)
        if held is not None and not await self._lanes.hold(job, held):
            await self._limiting.leave(attempt)
            raise ShutOut(job)
        if attempt.asked:  # while it waited
            attempt.knows = True
            raise asyncio.CancelledError("the job is cancelled")
        with self._reports.of(attempt) as port:
            port.limiting = self._limiting
            context = JobContext(
                id=job.id,
                attempt=job.attempt,
                max_attempts=job.max_attempts,
                input=given,
                schedule_id=job.schedule_id,
                nominal_at=job.nominal_at,
                limits=tuple(turn.charge.name for turn in attempt.turns),
                port=port,
            )
            execution = self._executions[task.execution]
            try:
                result = await execution.run(task, context, attempt, limits_of(job, task))
            except BaseException as error:
                self._limiting.ended(attempt, error)
                with suppress(CannotGrow):
                    await all_stored(attempt.spawning)
                raise
            self._limiting.ended(attempt, None)
            await all_stored(attempt.spawning)
            return result

    async def _input_of(self, attempt: Attempt) -> Any:
        if attempt.job.templated:
            return await self._values.input_of(attempt.job, attempt.before)
        return orjson.loads(attempt.job.input)

    def _end_of(self, attempt: Attempt, error: BaseException) -> End:
        if attempt.knows:
            return _cancelled(attempt)
        job = attempt.job
        if isinstance(error, NoRoom):
            return back_in_line(job, error)
        if isinstance(error, ShutOut):
            return End(job=job, verdict=Move.STAND_IN_LINE)
        failure, rest = self._failure(job, error)
        if not attempt.left:  # else it was told already
            log.info("job.raised", job_id=job.id, task=job.task, error=failure.type)
        end = end_of_failure(
            job, failure, rest, at=attempt.now, chance=random.random(), asked=attempt.asked
        )
        return replace(end, progress=attempt.progress) if attempt.progress else end

    def _failure(self, job: Job, error: BaseException) -> tuple[Failure, Rest | None]:
        if isinstance(error, TaskFailed):
            return Failure(**error.error), error.rest
        retryable = self._verdict(job.task)
        if isinstance(error, TimedOut):
            return _fixed(job, "timeout", error, retryable=retryable(error)), None
        if isinstance(error, BadReference):
            return _fixed(job, error.code, error, retryable=False), None
        if isinstance(error, ResultTooLarge):
            return _fixed(job, "result-too-large", error, retryable=False), None
        told = error_of(error, attempt=job.attempt, retryable=retryable)
        return Failure(**told), rest_of(error, limited=bool(job.limits))

    def _verdict(self, name: str) -> Callable[[BaseException], bool]:
        try:
            return self._registry.get(name).retryable
        except KeyError:  # a task that we do not know says nothing either
            return Verdict(name).retryable


class ResultTooLarge(Exception):
    """The result does not fit what the operator allows."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(
            f"the result has {size} bytes, more than WARREN_MAX_RESULT_BYTES={most}; "
            "store it elsewhere and return a reference"
        )


def _cancelled(attempt: Attempt) -> End:
    return End(job=attempt.job, verdict=Move.CANCEL, progress=attempt.progress)


def _fixed(job: Job, kind: str, error: BaseException, *, retryable: bool) -> Failure:
    return Failure(type=kind, message=str(error), retryable=retryable, attempt=job.attempt)
