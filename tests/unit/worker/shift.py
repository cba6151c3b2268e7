"""A runner of a few tasks, and everything around it, for the tests of a worker's life."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.end_statements import End
from tests.builders import a_job
from tests.eventually import eventually
from tests.fakes.broker import FakeHints, FakeRinger, FakeSource, a_bell
from tests.fakes.store import (
    FakeClaims,
    FakeEnds,
    FakeInheriting,
    FakeMoves,
    FakePauses,
    FakeReports,
    FakeStore,
    FakeWorkers,
)
from tests.fakes.worker import FakeGrower, FakeHeartbeat, FakeHeldLanes, FakeLimiting, FakeValues
from warren import task
from worker.attempt import Attempt
from worker.bequeathing import Bequeathing, Step
from worker.consumer import Tools
from worker.ending import Ending
from worker.executions.loop import OnTheLoop
from worker.executor import Executor
from worker.handing_back import HandingBack
from worker.heirs import Heirs
from worker.orders import Orders
from worker.quarantine import Quarantine
from worker.registry import Registry
from worker.reports import Reports
from worker.runner import Runner
from worker.slots import Slots
from worker.stopping import Stop
from worker.trails import Trails

release = asyncio.Event()


@task(name="t.quick")
async def quick() -> int:
    return 1


@task(name="t.slow")
async def slow() -> int:
    await release.wait()
    return 2


@task(name="t.stubborn")
async def stubborn() -> int:
    """Ignores that it is cancelled."""
    while not release.is_set():
        try:
            await release.wait()
        except asyncio.CancelledError:
            continue
    return 3


@task(name="t.stubborn_and_late", timeout_s=0.02)
async def stubborn_and_late() -> int:
    return await stubborn.fn()


@task(name="t.fails")
async def fails() -> int:
    raise ValueError("no")


class Shift:
    """A runner of the tasks above, and everything around it."""

    def __init__(self, *, grace: float = 0, every: float = 0.05) -> None:
        registry = Registry([quick, slow, stubborn, stubborn_and_late, fails])
        self.store = FakeStore()
        self.hints = FakeHints()
        self.ends = FakeEnds(self.store)
        self.heartbeat = FakeHeartbeat()
        self.slots = Slots(10)
        self.source = FakeSource(self.store.journal)
        self.workers = FakeWorkers()
        self.pauses = FakePauses()
        self.stop = Stop()
        self.attempts: dict[str, Attempt] = {}
        claims = self.claims = FakeClaims(self.store, tasks=registry.names)
        reports = Reports(FakeReports(), self.hints)
        self.ending = Ending(self.ends, self.hints)
        self.writer = GroupCommit[End](self.ending.write)
        inheriting = FakeInheriting(self.store, self.ends)
        self.bequeathing = Bequeathing(
            inheriting,
            self.ending,
            self.hints,
            go_on=lambda step, heir: self.runner.go_on(step, heir),
        )
        self.bequests = GroupCommit[Step](self.bequeathing.write)
        self.trails = Trails(inheriting, self.bequeathing.tell)
        ringer = FakeRinger(self.store.journal)
        self.runner = Runner(
            worker="us",
            attempts=self.attempts,
            executor=Executor(
                registry,
                {"loop": OnTheLoop()},
                reports,
                FakeValues(),
                FakeGrower(),
                FakeLimiting(),
                FakeHeldLanes(),
                most=1000,
            ),
            quarantine=Quarantine(claims, slots=10),
            end_writer=self.writer,
            heirs=Heirs(
                "us",
                read=self.read,
                claims=claims,
                queues=["default"],
                heartbeat=self.heartbeat,
            ),
            bequests=self.bequests,
            trails=self.trails,
            handing_back=HandingBack(FakeMoves(self.store), ringer, self.hints),
            hints=self.hints,
            tools=Tools(claims, ringer, self.heartbeat, self.slots),
            grace=timedelta(seconds=grace),
        )
        self.orders = Orders(
            "us",
            self.attempts,
            claims=claims,
            workers=self.workers,
            heartbeat=self.heartbeat,
            pauses=self.pauses,
            every=every,
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator["asyncio.Task[None]"]:
        release.clear()
        async with self.writer.running(), self.trails.running(), self.bequests.running():
            running = asyncio.create_task(self.runner.run(self.source, self.orders, self.stop))
            try:
                yield running
            finally:
                release.set()
                self.stop.asked.set()
                await asyncio.gather(running, return_exceptions=True)
                await eventually(lambda: not self.slots.taken)

    async def read(self, ids: Sequence[str]) -> list[Job]:
        return [self.store.jobs[job_id] for job_id in ids if job_id in self.store.jobs]

    def gets(self, *tasks: str, **overrides: Any) -> list[Job]:
        """Let jobs of these tasks exist, and their bell arrive."""
        jobs = [a_job(task=name, **overrides) for name in tasks]
        self.store.put(*jobs)
        self.runner.consumer.hear(a_bell(self.store.journal, *(job.id for job in jobs)))
        return jobs

    def status(self, job: Job) -> Status:
        return self.store.jobs[job.id].status

    async def run(self, *tasks: str, **overrides: Any) -> list[Job]:
        """Let these jobs be claimed and started."""
        jobs = self.gets(*tasks, **overrides)
        await eventually(lambda: all(self.status(j) is not Status.QUEUED for j in jobs))
        return jobs

    def words(self) -> list[str]:
        return [word for word, _ in self.store.journal]
