"""Jobs in memory that are cancelled, run again and forgotten: the ports, and all behind a desk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from api.actions import Actions, read_action
from api.announcer import Announcer
from api.cancelling import Cancelling
from api.rerunning import Rerunning
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.control_sender import ControlSender
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.job_requests import JobRequests
from shared.infrastructure.retention import Retention
from tests.builders import LATER
from tests.fakes.broker import FakeHints, FakeRinger
from tests.fakes.store import FakeInserts, FakeReads, FakeSlots, FakeStore


class Stage(FakeStore):
    """A store in which something may happen between the look and the write."""

    def __init__(self, *jobs: Job) -> None:
        super().__init__(*jobs)
        self.meanwhile: list[Callable[[], None]] = []

    def race(self) -> None:
        """Let the next thing happen that was to happen meanwhile."""
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def lose(self, job: Job) -> None:
        """Forget a job."""
        del self.jobs[job.id]

    def move(self, before: Job, after: Job) -> bool:
        """Make a move if nobody was faster."""
        now = self.jobs.get(before.id)
        if now is None or (now.version, now.status) != (before.version, before.status):
            return False
        self.put(after)
        return True


class FakeRequests(JobRequests):
    """Guarded writes in a Stage."""

    def __init__(self, store: Stage) -> None:
        self._store = store

    async def move(self, moves: Sequence[tuple[Job, Job]], *, at: datetime) -> int:
        self._store.race()
        self._store.begin("move", [before.id for before, _ in moves])
        return sum(self._store.move(before, after) for before, after in moves)

    async def ask_to_stop(self, ids: Sequence[str]) -> None:
        self._store.begin("ask", list(ids))
        for job in [self._store.jobs[each] for each in ids if each in self._store.jobs]:
            if job.status is Status.RUNNING and job.cancel_asked_at is None:
                self._store.put(replace(job, cancel_asked_at=LATER, version=job.version + 1))


class GuardedMoves(JobMoves):
    """Single moves in a Stage."""

    def __init__(self, store: Stage) -> None:
        self._store = store

    async def apply(
        self, before: Job, after: Job, *, at: datetime, patience: float | None = None
    ) -> bool:
        self._store.race()
        return self._store.move(before, after)


class FakeOutlines(JobOutlines):
    """Reads a Stage; knows of filters only what actions add to them, and the queue."""

    def __init__(self, store: Stage) -> None:
        self._store = store
        self.asked: list[Mapping[str, Any]] = []

    async def get(self, ids: Sequence[str]) -> list[Job]:
        return [self._store.jobs[each] for each in sorted(ids) if each in self._store.jobs]

    async def page(self, filters: Mapping[str, Any], *, after: str | None, most: int) -> list[Job]:
        self.asked.append(filters)
        meant, able = filters["$and"]
        found = [
            job
            for job in sorted(self._store.jobs.values(), key=lambda job: job.id)
            if job.queue == meant["queue"]
            and job.status in able["status"]["$in"]
            and not (job.cancel_asked_at and "cancel_asked_at" in able)
            and (after is None or job.id > after)
        ]
        return found[:most]


class FakeRetention(Retention):
    """Forgets jobs of a Stage."""

    def __init__(self, store: Stage) -> None:
        self._store = store

    async def forget(self, ids: Sequence[str]) -> int:
        self._store.race()
        gone = [each for each in ids if each in self._store.jobs and self._store.jobs[each].done]
        for each in gone:
            del self._store.jobs[each]
        return len(gone)


class FakeControl(ControlSender):
    """Keeps the orders."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    async def cancel(self, ids: Sequence[str]) -> None:
        self.cancelled += ids


class Desk:
    """Everything with which jobs are steered."""

    def __init__(self, *jobs: Job) -> None:
        self.store = Stage(*jobs)
        self.hints, self.control = FakeHints(), FakeControl()
        self.outlines, requests = FakeOutlines(self.store), FakeRequests(self.store)
        self.announced: list[str] = []
        self.settled: list[str] = []
        announcer = Announcer(
            FakeRinger(self.store.journal),
            FakeInserts(self.store),
            self.hints,
            holds=lambda _: False,
            line_up=lambda _: None,
        )
        announcer.announce = lambda jobs: self.announced.extend(  # type: ignore[method-assign]
            job.id for job in jobs
        )
        self.freed: list[Job] = []
        self.cancelling = Cancelling(
            self.outlines,
            requests,
            self.hints,
            self.control,
            self._settle,
            freed=self.freed.extend,
        )
        self.rerunning = Rerunning(
            FakeReads(self.store),
            self.outlines,
            GuardedMoves(self.store),
            requests,
            announcer,
            self.hints,
            FakeSlots(self.store),
        )
        self.actions = Actions(
            self.outlines, self.cancelling, self.rerunning, FakeRetention(self.store)
        )

    async def _settle(self, jobs: Sequence[Job]) -> None:
        self.settled += [job.id for job in jobs]

    async def act(self, **action: Any) -> dict[str, Any]:
        """Do what a client asks for."""
        return await self.actions.run(read_action(action))

    def now(self, job: Job) -> Job:
        """Return a job as it is stored."""
        return self.store.jobs[job.id]

    def told(self, job: Job) -> list[str]:
        """Return the events that were told of a job."""
        return [hint.event for hint in self.hints.told if hint.job_id == job.id]
