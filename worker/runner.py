"""The life of a worker process: run claimed jobs, and hand back the rest when it stops."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from shared.contracts.errors import LeaseLost, StoreUnavailable
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.bell_consumer import BellConsumer
from shared.infrastructure.end_statements import End
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.logs import get_logger
from shared.infrastructure.process import settle_memory
from worker.consumer import Consumer, Tools
from worker.executor import Executor
from worker.quarantine import Quarantine

log = get_logger(__name__)

_PATIENCE_WITH_CLAIM = 5.0  # seconds, in case MongoDB is away
_PULSE = 0.5  # seconds between looks at the lease and at a deaf connection


class Runner:
    """Runs the jobs that the consumer claims, each in a task of its own."""

    def __init__(
        self,
        *,
        executor: Executor,
        quarantine: Quarantine,
        end_writer: GroupCommit[End],
        ends: JobEnds,
        hints: HintSender,
        tools: Tools,
        grace: timedelta,
        worker: str,
    ) -> None:
        self._executor = executor
        self._quarantine = quarantine
        self._end_writer = end_writer
        self._ends = ends
        self._hints = hints
        self._tools = tools
        self._grace = grace
        self._running: set[asyncio.Task[None]] = set()
        self._unfinished: dict[str, Job] = {}  # what would have to be handed back
        self.consumer = Consumer(worker, tools, self._start)

    async def run(self, source: BellConsumer, stop: asyncio.Event) -> None:
        """Work until `stop`; then finish what fits the grace period and hand back the rest."""
        self._tools.heartbeat.start()
        await self._wait_until_enlisted()
        settle_memory()
        async with source.running():
            try:
                async with asyncio.TaskGroup() as group:
                    consuming = group.create_task(self.consumer.run(source))
                    pulse = group.create_task(self._watch_over(source))
                    log.info("worker.ready", slots=self._tools.slots.total)
                    await stop.wait()
                    await self._between_claims()
                    consuming.cancel()
                    pulse.cancel()
            except* LeaseLost as errors:
                await self._abandon()
                raise errors.exceptions[0] from None
            await self._stop(source)

    async def _between_claims(self) -> None:
        """Let a claim under way start its jobs: cut off in the middle, they would count as lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_WITH_CLAIM), self.consumer.claiming:
                pass

    def _start(self, job: Job) -> None:
        running = asyncio.create_task(self._run_one(job))
        self._running.add(running)
        self._unfinished[job.id] = job
        running.add_done_callback(self._finished)
        self._hints.tell([hint_of(job)], can_wait=True)

    def _finished(self, running: "asyncio.Task[None]") -> None:
        self._running.discard(running)
        self._tools.slots.release()
        if not running.cancelled() and (error := running.exception()):
            log.error("job.unfinished", error=str(error), exc_info=error)

    async def _run_one(self, job: Job) -> None:
        async with self._quarantine.admit(job):
            end = await self._executor.run(job)
            del self._unfinished[job.id]  # from here on, stopping must not lose the outcome
            await asyncio.shield(self._end_writer.put(end))

    async def _watch_over(self, source: BellConsumer) -> None:
        while True:
            self._tools.heartbeat.loop_is_alive()
            if not self._tools.heartbeat.proven:
                raise LeaseLost("the lease could not be renewed in time; its jobs go to others")
            await source.rebuild_if_deaf()
            await asyncio.sleep(_PULSE)

    async def _wait_until_enlisted(self) -> None:
        while not self._tools.heartbeat.proven:
            self._tools.heartbeat.loop_is_alive()
            await asyncio.sleep(0.02)

    async def _stop(self, source: BellConsumer) -> None:
        log.info("worker.stopping", running=len(self._running), grace_s=self._grace.total_seconds())
        await source.pause()
        await self.consumer.give_all_back()
        await self._wait_for_jobs()
        await self._abandon()
        for job in list(self._unfinished.values()):
            await self._hand_back(job)

    async def _wait_for_jobs(self) -> None:
        ends_at = asyncio.get_running_loop().time() + self._grace.total_seconds()
        while self._running and asyncio.get_running_loop().time() < ends_at:
            self._tools.heartbeat.loop_is_alive()
            await self._tools.slots.wait_until_idle(_PULSE)

    async def _abandon(self) -> None:
        """Cancel what runs, without waiting for tasks that ignore it."""
        for running in list(self._running):
            running.cancel()
        if self._running:
            await asyncio.wait(list(self._running), timeout=1)

    async def _hand_back(self, job: Job) -> None:
        try:
            if await self._ends.move_back(job, job.handed_back(at=datetime.now(UTC))):
                log.info("job.handed_back", job_id=job.id)
                self._hints.tell([hint_of(job, "job.queued")])
                await self._tools.ringer.ring(job.queue, [job.id], task=job.task)
        except StoreUnavailable as error:
            log.warning("job.not_handed_back", job_id=job.id, reason=str(error))  # the lease ends
