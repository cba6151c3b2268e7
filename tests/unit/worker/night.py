"""A keeper and its world, without a database or a broker."""

from datetime import timedelta
from typing import Any

from shared.contracts.job import Job
from tests.builders import a_claim, a_running_job
from tests.fakes.broker import FakeHints, FakeRinger
from tests.fakes.store import FakeMoves, FakePauses, FakeStore
from tests.unit.worker.keeper_fakes import (
    FakeBroker,
    FakeFollowUps,
    FakeLanes,
    FakeQueues,
    FakeRescue,
    FakeTimes,
    FakeWindow,
    FakeWorkers,
    MarkingInserts,
)
from worker.keeper.rescue import Rescue
from worker.keeper.ringing import Ringing
from worker.keeper.unpublished import Unpublished
from worker.keeper.unsettled import Unsettled
from worker.keeper.window import Window


class Night:
    """A keeper and its world."""

    def __init__(
        self, *, lease: timedelta = timedelta(seconds=15), size: int = 100, alive: bool = False
    ) -> None:
        self.store = FakeStore()
        self.workers = FakeWorkers(self.store)
        self.workers.alive = {"w"} if alive else set()
        self.ringer = FakeRinger(self.store.journal)
        self.hints = FakeHints()
        self.queries = FakeRescue(self.store)
        self.times = FakeTimes(self.store)
        self.jobs = FakeWindow(self.store)
        self.queues = FakeQueues(self.store)
        self.broker = FakeBroker()
        self.ringing = Ringing(self.ringer, MarkingInserts(self.store))
        self.pauses = FakePauses()
        self.window = Window(
            self.jobs, self.queues, self.workers, self.ringing, pauses=self.pauses, size=size
        )
        self.lanes = FakeLanes()
        self.unpublished = Unpublished(self.jobs, self.window, self.ringing)
        self.follow_ups = FakeFollowUps(self.store, self.hints)
        self.unsettled = Unsettled(self.queries, self.follow_ups, self.hints)
        self.rescue = Rescue(
            rescue=self.queries,
            moves=FakeMoves(self.store),
            workers=self.workers,
            ringing=self.ringing,
            unsettled=self.unsettled,
            hints=self.hints,
            lease=lease,
        )

    def runs(self, worker: str, **overrides: object) -> Job:
        """Let a worker have a running job."""
        job = a_running_job(claim=a_claim(worker=worker), **overrides)
        self.store.put(job)
        return job

    def said(self, word: str) -> list[Any]:
        """Return what the journal has under a word."""
        return [about for each, about in self.store.journal if each == word]
