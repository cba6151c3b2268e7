"""What the keeper asks MongoDB and the broker, kept by fakes over a store in memory."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from shared.contracts.bands import bands_of
from shared.contracts.events import hint_of
from shared.contracts.ids import first_id_at
from shared.contracts.job import Job
from shared.contracts.moves import ENDS, Status
from shared.infrastructure.bell_queues import BellQueues
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.job_times import JobTimes, Timed
from shared.infrastructure.job_window import JobWindow
from shared.infrastructure.mongo import Document
from shared.infrastructure.queues import Queues
from shared.infrastructure.retention import MOST, Retention
from shared.infrastructure.workers import Workers
from shared.infrastructure.workflow.retention import WorkflowRetention
from tests.fakes.broker import FakeHints, FakeLink
from tests.fakes.store import FakeInserts, FakeStore
from worker.keeper.lanes import Lanes


class FakeWorkers(Workers):
    """Workers by id; `expired` are those whose lease has run out."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self.alive: set[str] = set()
        self.expired: set[str] = set()
        self.heard: dict[str, int] = {}
        self.after_each_look: Callable[[], None] = lambda: None  # what happens in between

    async def live(self) -> list[Document]:
        self._store.begin("live", None)
        row: Document = {"queues": ["default"], "tasks": ["math.add"]}
        rows = [{"_id": w, **row, "counts": {"heard": self.heard}} for w in self.alive]
        self.after_each_look()
        return rows

    async def bury(self, worker: str) -> bool:
        self._store.begin("bury", worker)
        was_alive = worker in self.alive
        self.alive.discard(worker)
        return was_alive

    async def bury_expired(self) -> list[str]:
        self._store.begin("bury expired", None)
        buried = sorted(self.expired & self.alive)
        self.alive -= self.expired
        return buried


class FakeRescue(JobRescue):
    """What needs rescue in a FakeStore."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def held_by(self, worker: str, *, most: int) -> list[Job]:
        return [job for job in self._running() if job.claim and job.claim.worker == worker][:most]

    async def workers_of_running_jobs(self) -> set[str]:
        self._store.begin("workers of running jobs", None)
        return {job.claim.worker for job in self._running() if job.claim}

    async def unsettled(self, age: timedelta, *, most: int) -> list[Job]:
        return [job for job in self._store.jobs.values() if job.unsettled][:most]

    async def unsettled_among(self, ids: Sequence[str]) -> list[Job]:
        return [self._store.jobs[each] for each in ids if self._store.jobs[each].unsettled]

    async def unsettled_for(self, age: timedelta, *, most: int) -> int:
        return len(await self.unsettled(age, most=most))

    def _running(self) -> list[Job]:
        return [job for job in self._store.jobs.values() if job.status is Status.RUNNING]


class FakeFollowUps(FollowUps):
    """Follow-ups of jobs for which nobody waits; `cannot` are those that raise."""

    def __init__(self, store: FakeStore, hints: FakeHints) -> None:
        self._store = store
        self._hints = hints
        self.settled: list[str] = []
        self.cannot: set[str] = set()

    async def settle(
        self,
        ended: Sequence[Job],
        *,
        tell: bool = False,
        taken: Container[str] = frozenset(),
        again: bool = False,
    ) -> None:
        if not self.cannot.isdisjoint(job.id for job in ended):
            raise LookupError("there is no such node")
        if tell:
            self._hints.tell(map(hint_of, ended))
        self.settled += [job.id for job in ended]
        self._store.put(*(replace(self._store.jobs[job.id], unsettled=False) for job in ended))


class FakeTimes(JobTimes):
    """The instants of jobs in a FakeStore, by the clock of this process."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def due_within(self, ahead: timedelta, *, most: int) -> list[Timed]:
        self._store.begin("look", most)
        limit = datetime.now(UTC) + ahead
        waiting = [job for job in self._in(Status.WAITING) if job.due_at and job.due_at <= limit]
        return [_timed(job, job.due_at) for job in waiting][:most]

    async def open(self, ids: Sequence[str]) -> int:
        self._store.begin("open", list(ids))
        now = datetime.now(UTC)
        due = [
            job
            for job in self._in(Status.WAITING)
            if job.id in ids and job.due_at and job.due_at <= now
        ]
        self._store.put(*(job.opened(at=now) for job in due))
        return len(due)

    async def line_up(self, ids: Sequence[str]) -> int:
        return await self.open(ids)  # the pure move knows which of the two it is

    async def expiring(self, *, most: int) -> list[Timed]:
        now = datetime.now(UTC)
        unbegun = self._in(Status.WAITING) + self._in(Status.QUEUED)
        late = [job for job in unbegun if job.expires_at and job.expires_at <= now]
        return [_timed(job, job.expires_at) for job in late][:most]

    async def expire(self, ids: Sequence[str]) -> int:
        self._store.begin("expire", list(ids))
        now = datetime.now(UTC)
        self._store.put(*(self._store.jobs[i].expired(at=now, unsettled=True) for i in ids))
        return len(ids)

    async def late_to_open(self, by: timedelta, *, most: int) -> int:
        return len(await self.due_within(-by, most=most))

    def _in(self, status: Status) -> list[Job]:
        return [job for job in self._store.jobs.values() if job.status is status]


def _timed(job: Job, at: datetime | None) -> Timed:
    comes_in = (at or datetime.now(UTC)) - datetime.now(UTC)
    return Timed(
        id=job.id,
        task=job.task,
        queue=job.queue,
        tags=job.tags,
        priority=job.priority,
        comes_in=comes_in,
        keys=job.keys,
        when_busy=job.when_busy,
    )


class FakeWindow(JobWindow):
    """Which jobs of a FakeStore have a bell."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def bands_unrung(
        self, *, queues: Sequence[str], tasks: Sequence[str], before: datetime
    ) -> set[str]:
        bands = bands_of(queues)
        return {b for b in bands if await self.unrung(b, tasks=tasks, before=before, most=1)}

    async def unrung(
        self, band: str, *, tasks: Sequence[str], before: datetime | None = None, most: int
    ) -> list[str]:
        found = [
            job
            for job in self._of(band, published=False)
            if job.task in tasks and (before is None or job.id < first_id_at(before))
        ]
        return [job.id for job in sorted(found, key=lambda job: job.id)][:most]

    async def rung(self, band: str, *, most: int) -> int:
        self._store.begin("count", band)
        return len(self._of(band, published=True)[:most])

    async def bands_rung(self) -> list[str]:
        return sorted({job.band for job in self._queued() if job.published})

    async def has_old_bells(self, band: str, older_than: timedelta) -> bool:
        return bool(self._old(band, older_than, None))

    async def forget_bells(
        self,
        band: str | None = None,
        *,
        older_than: timedelta | None = None,
        rung_before: datetime | None = None,
        most: int,
    ) -> int:
        bands = await self.bands_rung() if band is None else [band]
        found = [job for each in bands for job in self._old(each, older_than, rung_before)][:most]
        self._store.put(*(replace(job, published=False, published_at=None) for job in found))
        return len(found)

    def _old(self, band: str, age: timedelta | None, before: datetime | None) -> list[Job]:
        return [
            job
            for job in self._of(band, published=True)
            if job.published_at is None
            or (
                (age is None or job.published_at < datetime.now(UTC) - age)
                and (before is None or job.published_at < before)
            )
        ]

    def _of(self, band: str, *, published: bool) -> list[Job]:
        return [job for job in self._queued() if job.band == band and job.published is published]

    def _queued(self) -> list[Job]:
        return [job for job in self._store.jobs.values() if job.status is Status.QUEUED]


class MarkingInserts(FakeInserts):
    """Marks that last."""

    async def mark_published(self, ids: Sequence[str]) -> None:
        await super().mark_published(ids)
        known = [self._store.jobs[each] for each in ids if each in self._store.jobs]
        now = datetime.now(UTC)
        self._store.put(*(replace(job, published=True, published_at=now) for job in known))


class FakeQueues(Queues):
    """Held queues in memory."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self._held: set[str] = set()

    async def holding(self) -> set[str]:
        return set(self._held)

    async def hold(self, band: str, holding: bool) -> None:
        self._store.begin("hold" if holding else "release", band)
        (self._held.add if holding else self._held.discard)(band)


class FakeBroker(BellQueues):
    """A broker that holds what the test says, and its marker from the start."""

    def __init__(self) -> None:
        self.link = cast(Any, FakeLink())
        self.connections = 1
        self.depths: dict[str, int] = {}
        self.marked = True

    async def depth(self, queue: str) -> int | None:
        return self.depths.get(queue)

    async def is_marked(self) -> bool:
        return self.marked

    async def mark(self) -> None:
        self.marked = True


class NoWorkflows(WorkflowRetention):
    """Has none to forget."""

    def __init__(self) -> None:
        pass

    async def forget(self, age: timedelta) -> int:
        return 0


class FakeRetention(Retention):
    """Forgets jobs of a FakeStore."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def forget(self, ids: Sequence[str]) -> int:
        self._store.begin("forget", list(ids))
        for each in ids:
            del self._store.jobs[each]
        return len(ids)

    async def ended_before(
        self, age: timedelta, *, since: datetime | None, most: int = MOST
    ) -> list[tuple[str, datetime]]:
        self._store.begin("look back", since)
        found = [(at, job.id) for job, at in self._old(age) if job.retention_s is None]
        return [(each, at) for at, each in sorted(found) if since is None or at >= since][:most]

    async def past_their_own(self, retention_s: float, *, most: int = MOST) -> list[str]:
        old = self._old(timedelta(seconds=retention_s))
        return [job.id for job, _ in old if job.retention_s == retention_s][:most]

    async def next_of_their_own(self, after: float) -> float | None:
        own = {job.retention_s for job in self._store.jobs.values()}
        return min((each for each in own if each is not None and each > after), default=None)

    def _old(self, age: timedelta) -> list[tuple[Job, datetime]]:
        limit = datetime.now(UTC) - age
        ended = [job for job in self._store.jobs.values() if job.status in ENDS]
        return [(job, at) for job in ended if (at := job.finished_at) and at < limit]


class FakeLanes(Lanes):
    """Remembers for which keys, and for which impatient jobs, it was to see to lanes."""

    def __init__(self) -> None:
        self.stuck = 0
        self.keys: list[str] = []
        self.impatient: list[str] = []

    async def admit(self, keys: Iterable[str], *, impatient: Sequence[str] = ()) -> None:
        self.keys += sorted(keys)
        self.impatient += impatient
