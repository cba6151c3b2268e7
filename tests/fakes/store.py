"""The ports to MongoDB in memory: they keep the real promises, and a journal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.contracts.attempt import Claim, Progress
from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import IllegalMove, NotFound, StoreUnavailable
from shared.contracts.job import Job
from shared.contracts.moves import Move, Status
from shared.contracts.pauses import NOTHING_PAUSED, Paused
from shared.infrastructure.api_keys import ApiKey, ApiKeys, digest_of
from shared.infrastructure.end_statements import PUT_OFF, End
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_inserts import JobInserts
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_reads import Ended, JobReads
from shared.infrastructure.job_reports import JobReports, Line
from shared.infrastructure.job_slots import Held, JobSlots
from shared.infrastructure.pauses import Pauses
from shared.infrastructure.task_catalogue import TaskCatalogue
from shared.infrastructure.workers import Workers
from shared.infrastructure.workflow.inheriting import Bequeathed, Bequest, Inheriting
from tests.builders import LATER

Journal = list[tuple[str, Any]]
"""What was asked of the fakes, in order: a word and what it was about."""


@dataclass
class Outage:
    """Makes the next calls of a fake fail, as MongoDB does when it is away."""

    calls: int = 0
    takes_effect: bool = False  # the call did its work, and only the answer is lost

    def strikes(self) -> bool:
        """Say whether this call fails."""
        self.calls -= 1
        return self.calls >= 0


class FakeStore:
    """Jobs by id, changed only by the moves of the contract."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = {job.id: job for job in jobs}
        self.journal: Journal = []
        self.outage = Outage()

    def put(self, *jobs: Job) -> None:
        """Store jobs, new or changed."""
        self.jobs |= {job.id: job for job in jobs}

    def forget(self, job_id: str) -> None:
        """Lose a job, as retention does."""
        del self.jobs[job_id]

    def begin(self, word: str, about: Any) -> None:
        """Note a call that changes nothing before it fails."""
        self.journal.append((word, about))
        if not self.outage.takes_effect and self.outage.strikes():
            raise StoreUnavailable("MongoDB did not answer: no reason given")

    def end(self) -> None:
        """Lose the answer of a call that has taken effect."""
        if self.outage.takes_effect and self.outage.strikes():
            raise StoreUnavailable("MongoDB did not answer: the connection was lost")


class FakeClaims(JobClaims):
    """Claims in a FakeStore."""

    def __init__(self, store: FakeStore, *, tasks: Sequence[str] = ("math.add",)) -> None:
        self._store = store
        self._known = tasks
        self.paused = NOTHING_PAUSED

    async def claim(self, ids: Sequence[str], claim: Claim) -> list[Job]:
        self._store.begin("claim", list(ids))
        for job in self._wanted(ids):
            if job.status is Status.QUEUED and self._may_run(job):
                self._store.put(job.claimed(by=claim, at=LATER))
        self._store.end()
        return [j for j in self._wanted(ids) if j.claim and j.claim.token == claim.token]

    async def leave_to_others(self, ids: Sequence[str]) -> None:
        self._store.begin("leave", list(ids))
        for job in self._wanted(ids):
            if job.status is Status.QUEUED and not self._may_run(job):
                self._store.put(replace(job, published=False))

    async def mark_alone(self, job_id: str, claim: Claim) -> None:
        self._store.begin("alone", job_id)
        job = self._store.jobs[job_id]
        self._store.put(replace(job, claim=replace(claim, alone=True)))

    async def to_cancel(self, worker: str) -> list[str]:
        self._store.begin("to cancel", worker)
        return [
            job.id
            for job in self._store.jobs.values()
            if job.cancel_asked_at and job.claim and job.claim.worker == worker
        ]

    def may_claim(self, job: Job) -> bool:
        return self._may_run(job)

    def _may_run(self, job: Job) -> bool:
        return job.task in self._known and not self.paused.holds(job.queue, job.task)

    def _wanted(self, ids: Sequence[str]) -> list[Job]:
        return [self._store.jobs[each] for each in ids if each in self._store.jobs]


class FakeEnds(JobEnds):
    """Ends in a FakeStore."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def write(self, ends: Sequence[End], *, singly: bool = False) -> list[End]:
        self._store.begin("end", [end.job.id for end in ends])
        return [end for end in ends if not self._apply(end)]

    def _apply(self, end: End) -> bool:
        job = self._store.jobs[end.job.id]
        if job.claim != end.job.claim:
            return False
        try:
            ended = _ended(job, end)
        except IllegalMove:
            return False
        self._store.put(ended)
        return True


class FakeInheriting(Inheriting):
    """Ends with heirs in a FakeStore."""

    def __init__(self, store: FakeStore, ends: FakeEnds) -> None:
        self._store = store
        self._ends = ends

    async def pass_on(self, bequests: Sequence[Bequest]) -> bool:
        jobs = self._store.jobs
        as_read = all(jobs[each.heir.id] == each.heir for each in bequests)
        if not as_read or any(jobs[each.end.job.id] != each.end.job for each in bequests):
            return False
        return not (await self.write(bequests)).late

    async def last(self, bequests: Sequence[Bequest]) -> bool:
        self._store.journal.append(("prove", [each.heir.id for each in bequests]))
        return all(self._store.jobs[each.heir.id].claim == each.claim for each in bequests)

    async def write(self, bequests: Sequence[Bequest]) -> Bequeathed:
        late = await self._ends.write([each.end for each in bequests])
        won = {each.end.job.id: self._claim(each) for each in bequests if each.end not in late}
        return Bequeathed(late=late, won={parent: job for parent, job in won.items() if job})

    def _claim(self, bequest: Bequest) -> Job | None:
        self._store.journal.append(("inherit", bequest.heir.id))
        if self._store.jobs[bequest.heir.id] != bequest.heir:
            return None
        self._store.put(bequest.heir.inherited(by=bequest.claim, at=LATER))
        return self._store.jobs[bequest.heir.id]


def _ended(job: Job, end: End) -> Job:
    if end.move is Move.CANCEL:
        return job.cancelled(at=LATER)
    if end.move is Move.EXPIRE:
        return job.expired(at=LATER)
    if end.move in PUT_OFF:
        return _put_off(job, end)
    if end.error:
        return job.failed(error=end.error, at=LATER)
    return job.succeeded(result=end.result or "null", at=LATER)


def _put_off(job: Job, end: End) -> Job:
    if end.move is Move.STAND_IN_LINE:
        return job.limited(limit=end.line, turn_at=end.turn_at or LATER)
    if end.move is Move.RETRY and end.error:
        return job.tried_in_vain(error=end.error, delay=end.delay, at=LATER)
    return job.snoozed(delay=end.delay, at=LATER, because=end.because)


class FakeMoves(JobMoves):
    """Moves in a FakeStore."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def apply(
        self, before: Job, after: Job, *, at: datetime, patience: float | None = None
    ) -> bool:
        self._store.begin("back", before.id)
        if self._store.jobs[before.id].claim != before.claim:
            return False
        self._store.put(after)
        return True


class FakeInserts(JobInserts):
    """Inserts into a FakeStore."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def insert(self, documents: Sequence[Any]) -> set[str]:
        self._store.begin("insert", [each["_id"] for each in documents])
        return set()

    async def mark_published(self, ids: Sequence[str]) -> None:
        self._store.begin("published", list(ids))


class FakeReads(JobReads):
    """Reads a FakeStore."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def get(self, job_id: str) -> Job:
        self._store.begin("get", job_id)
        if job_id not in self._store.jobs:
            raise NotFound(f"there is no job {job_id}")
        return self._store.jobs[job_id]

    async def get_many(self, ids: Iterable[str]) -> list[Job]:
        wanted = list(ids)
        self._store.begin("get_many", wanted)
        return [self._store.jobs[each] for each in wanted if each in self._store.jobs]

    async def versions(self, ids: Iterable[str]) -> dict[str, int]:
        return {job.id: job.version for job in await self.get_many(ids)}

    async def ended_since(self, instant: datetime, *, most: int) -> list[Ended]:
        self._store.begin("ended_since", instant)
        found = [
            Ended(job.id, job.version, job.finished_at)
            for job in self._store.jobs.values()
            if job.finished_at and job.finished_at > instant
        ]
        return sorted(found, key=lambda ended: ended.at)[:most]


class FakeSlots(JobSlots):
    """Slots of the jobs in a FakeStore."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def holder(self, name: str) -> Held | None:
        for job in self._store.jobs.values():
            if job.slot and job.slot.held == name:
                return Held(job, LATER)
        return None

    async def get(self, job_id: str) -> Held | None:
        job = self._store.jobs.get(job_id)
        return Held(job, LATER) if job else None

    async def release(self, holder: Job) -> None:
        now = self._store.jobs[holder.id]
        if now.slot and now.version == holder.version:
            self._store.put(replace(now, slot=replace(now.slot, held=None)))


class FakeReports(JobReports):
    """Keeps what was reported."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Progress]] = []
        self.lines: list[Line] = []
        self.writes = 0
        self.outage = Outage()

    async def show_progress(self, reports: Sequence[tuple[Job, Progress]]) -> None:
        self._write()
        self.shown += [(job.id, progress) for job, progress in reports]

    async def add_lines(self, lines: Sequence[Line]) -> None:
        self._write()
        self.lines += lines

    def _write(self) -> None:
        self.writes += 1
        if self.outage.strikes():
            raise StoreUnavailable("MongoDB did not answer: no reason given")


class FakePauses(Pauses):
    """What is paused, as the test says."""

    def __init__(self) -> None:
        self.paused = NOTHING_PAUSED

    async def read(self) -> Paused:
        return self.paused


class FakeWorkers(Workers):
    """Knows which workers drain."""

    def __init__(self) -> None:
        self.draining: set[str] = set()

    async def is_draining(self, worker: str) -> bool:
        return worker in self.draining


class FakeCatalogue(TaskCatalogue):
    """Task entries in memory."""

    def __init__(self, *entries: TaskEntry) -> None:
        self.entries = list(entries)
        self.reads = 0

    async def read(self) -> list[TaskEntry]:
        self.reads += 1
        return self.entries


class FakeApiKeys(ApiKeys):
    """API keys in memory."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}

    async def add(self, name: str, role: str, secret: str) -> None:
        self.keys[name] = ApiKey(name, role, digest_of(secret))

    async def read(self) -> list[ApiKey]:
        return list(self.keys.values())
