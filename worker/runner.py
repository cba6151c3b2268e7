"""The life of a worker process: run claimed jobs, and hand back the rest when it stops."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial

from shared.contracts.errors import LeaseLost
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.background import end
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.bell_consumer import BellConsumer
from shared.infrastructure.end_statements import End
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.logs import get_logger
from shared.infrastructure.process import settle_memory
from shared.infrastructure.workflow.inheriting import Bequest
from shared.infrastructure.workflow.values import Before
from worker.attempt import Attempt
from worker.bequeathing import Step
from worker.consumer import Consumer, Tools
from worker.executor import Executor
from worker.handing_back import HandingBack
from worker.heirs import Heirs
from worker.orders import Orders
from worker.quarantine import Quarantine
from worker.stopping import Stop
from worker.trails import Trails

log = get_logger(__name__)

_PATIENCE_WITH_CLAIM = 5.0  # seconds, in case MongoDB is away
_PULSE = 0.5  # seconds between looks at the lease and at a deaf connection
_CLEAN_UP = 1.0  # seconds for tasks that are cut off by the stop


class Runner:
    """Runs the jobs that the consumer claims, each in a task of its own."""

    def __init__(
        self,
        *,
        worker: str,
        attempts: dict[str, Attempt],
        executor: Executor,
        quarantine: Quarantine,
        end_writer: GroupCommit[End],
        heirs: Heirs,
        bequests: GroupCommit[Step],
        trails: Trails,
        handing_back: HandingBack,
        hints: HintSender,
        tools: Tools,
        grace: timedelta,
    ) -> None:
        self._attempts = attempts  # those without an end: what a stop would hand back
        self._executor = executor
        self._quarantine = quarantine
        self._end_writer = end_writer
        self._heirs = heirs
        self._bequests = bequests
        self._trails = trails
        self._passing_on: dict[str, Attempt] = {}  # those whose ends are written with their heirs
        self._handing_back = handing_back
        self._hints = hints
        self._tools = tools
        self._grace = grace.total_seconds()
        self._running: set[Attempt] = set()  # those whose task goes on
        self.consumer = Consumer(worker, tools, self._start)

    async def run(self, source: BellConsumer, orders: Orders, stop: Stop) -> None:
        """Work until `stop`; then finish what fits the grace period and hand back the rest."""
        self._tools.heartbeat.start()
        while not (self._tools.heartbeat.proven or stop.asked.is_set()):  # noqa: ASYNC110 -- proven in another thread
            await asyncio.sleep(0.02)
        settle_memory()
        async with source.running():
            try:
                await self._work(source, orders, stop)
            except* LeaseLost as errors:
                raise errors.exceptions[0] from None
            finally:
                await self._abandon()
            await self.consumer.give_all_back()
            await self._handing_back.hand_back([a.job for a in self._attempts.values()])

    async def _work(self, source: BellConsumer, orders: Orders, stop: Stop) -> None:
        drain = partial(self.consumer.drain, source)
        async with asyncio.TaskGroup() as group:
            for_ever = [
                group.create_task(self.consumer.run(source)),
                group.create_task(self._watch_over(source)),
                group.create_task(orders.follow(drain)),
            ]
            log.info("worker.ready", slots=self._tools.slots.total)
            await stop.asked.wait()
            log.info("worker.stopping", running=len(self._running), grace_s=self._grace)
            await drain()
            await self._between_claims()
            await self._finish(stop)
            await end(*for_ever)

    async def _between_claims(self) -> None:
        """Let a claim under way start its jobs: cut off in the middle, they would count as lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_WITH_CLAIM):
                async with self.consumer.claiming:
                    pass
                if passing := [a.running for a in self._passing_on.values() if a.running]:
                    await asyncio.wait(passing)

    async def _watch_over(self, source: BellConsumer) -> None:
        while True:
            if not self._tools.heartbeat.proven:
                raise LeaseLost("the lease could not be renewed in time; its jobs go to others")
            await source.rebuild_if_deaf()
            await asyncio.sleep(_PULSE)

    def go_on(self, step: Step, heir: Job) -> None:
        """Start the heir of a job that has just ended, on the same slot."""
        end = step.bequest.end
        parent = self._passing_on.get(end.job.id)
        if parent is None:
            log.warning("heir.comes_too_late", job_id=heir.id, reason="this worker has stopped")
            return
        parent.has_slot = False
        before = Before(parent.job.node or "", end.result or "null", step.trail.proven)
        self._run(
            Attempt(heir, on_left=self._end_without, after=parent, before=before, trail=step.trail)
        )

    def _start(self, job: Job) -> None:
        self._run(Attempt(job, on_left=self._end_without))
        if not job.limits:  # else it is told once limits let it in
            self._hints.tell([hint_of(job)], can_wait=True)

    def _run(self, attempt: Attempt) -> None:
        self._heirs.look_for(attempt.job)
        self._attempts[attempt.job.id] = attempt
        self._running.add(attempt)
        attempt.running = asyncio.create_task(self._run_one(attempt))
        attempt.running.add_done_callback(partial(self._finished, attempt))

    async def _run_one(self, attempt: Attempt) -> None:
        async with self._quarantine.admit(attempt):
            end = await self._executor.run(attempt)
            if attempt.left:
                return
            if bequest := await self._bequest_of(attempt, end):
                await asyncio.shield(self._pass_on(attempt, bequest))
            else:
                await self._stands(attempt, end)
                written = self._end(end)
                if len(self._end_writer) < self._tools.slots.total:
                    self._give_back_slot(attempt)  # the next may be claimed while this is written
                await asyncio.shield(written)

    async def _stands(self, attempt: Attempt, end: End) -> None:
        """Let nothing be undone any more of what was before an end."""
        try:
            await attempt.stands()
        except BaseException:  # such as the end of this worker: the outcome must not be lost
            self._end(end)
            raise

    async def _bequest_of(self, attempt: Attempt, end: End) -> Bequest | None:
        if end.job.heir is None:
            return None
        try:
            waiting = self.consumer.waiting
            bequest = await self._heirs.bequest(attempt, end, waiting=waiting)
        except BaseException:  # such as the end of this worker: the outcome must not be lost
            self._end(end)
            raise
        return None if self.consumer.draining else bequest

    def _pass_on(self, attempt: Attempt, bequest: Bequest) -> "asyncio.Future[None]":
        """End a job and go on with its heir, unless that has become somebody else's."""
        self._attempts.pop(attempt.job.id, None)
        self._passing_on[attempt.job.id] = attempt
        passed = self._bequests.put(Step(bequest, attempt.trail or self._trails.new()))
        passed.add_done_callback(partial(self._passed_on, attempt, bequest.heir))
        return passed

    def _passed_on(self, attempt: Attempt, heir: Job, passed: "asyncio.Future[None]") -> None:
        del passed
        self._passing_on.pop(attempt.job.id, None)
        if attempt.has_slot:  # nobody goes on with it
            self._heirs.forget(heir)

    def _end(self, end: End) -> "asyncio.Future[None]":
        self._attempts.pop(end.job.id, None)  # from here on, stopping must not lose the outcome
        return self._end_writer.put(end)

    def _end_without(self, attempt: Attempt, error: BaseException) -> None:
        """Write the end of an attempt whose task does not, and use its slot for another."""
        self._end(self._executor.left(attempt, error))
        self._give_back_slot(attempt)

    def _give_back_slot(self, attempt: Attempt) -> None:
        if attempt.has_slot:
            attempt.has_slot = False
            self._tools.slots.release()

    def _finished(self, attempt: Attempt, running: "asyncio.Task[None]") -> None:
        self._running.discard(attempt)
        self._heirs.forget(attempt.job)
        self._give_back_slot(attempt)
        if not running.cancelled() and (error := running.exception()):
            log.error("job.unfinished", error=str(error), exc_info=error)

    async def _finish(self, stop: Stop) -> None:
        """Wait until all jobs have ended, the grace period is over, or somebody is in a hurry."""
        idle = asyncio.create_task(self._tools.slots.wait_until_idle(self._grace))
        hurried = asyncio.create_task(stop.hurried.wait())
        try:
            await asyncio.wait({idle, hurried}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()
            hurried.cancel()

    async def _abandon(self) -> None:
        """Cut short what runs, without waiting for tasks that ignore it."""
        self._passing_on.clear()  # an heir that is claimed only now is rescued with our lease
        running = [attempt.running for attempt in self._running if attempt.running]
        for attempt in list(self._running):
            attempt.abandon()
        if running:
            await asyncio.wait(running, timeout=_CLEAN_UP)
