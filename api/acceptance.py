"""Accepting a job: one durable write, shared with whatever arrives meanwhile; then the bell."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from api.announcer import Announcer
from api.catalogue import Catalogue
from api.lanes.desk import Lanes
from shared.contracts.duplicates import Rule, rule_of, with_slot
from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.instants import present
from shared.contracts.job import Job
from shared.contracts.strict_json import dump
from shared.contracts.submission import Options, Submission, to_job
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.job_inserts import Encoded, JobInserts, encode_job


class _Storing:
    """A job on its way into the store, and whether nobody has stored it before."""

    __slots__ = ("document", "is_new", "job")

    def __init__(self, job: Job, *, is_new: bool) -> None:
        self.job = job
        self.document: Encoded = encode_job(job)
        self.is_new = is_new

    def let_in(self) -> None:
        """Have it stored as the holder of its lane."""
        self.job = self.job.let_in()
        self.document = encode_job(self.job)


class Acceptance:
    """Turns submissions into stored jobs. Once `store` returns, the job reaches an end."""

    def __init__(
        self, catalogue: Catalogue, inserts: JobInserts, announcer: Announcer, lanes: Lanes
    ) -> None:
        self._catalogue = catalogue
        self._inserts = inserts
        self._announcer = announcer
        self._lanes = lanes
        self._commit = GroupCommit[_Storing](self._write)
        self._kept_out: set[str] = set()  # ids of jobs whose slot another one holds

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Acceptance"]:
        """Write in the background for as long as the context is open."""
        async with self._commit.running():
            yield self

    async def prepare(self, submission: Submission, *, job_id: str | None = None) -> Job:
        """Return the job of a submission. Nothing is stored.

        Raises UnknownTask, InvalidInput or LaneFull.
        """
        return await self.prepare_input(
            submission.task, submission.input, submission, job_id=job_id, at="/input"
        )

    async def prepare_input(
        self, task: str, value: Any, options: Options, *, job_id: str | None = None, at: str = ""
    ) -> Job:
        """The same for an input and its options apart; `at` is where the input stands."""
        entry = await self._catalogue.get(task)
        if not isinstance(value, dict):
            raise InvalidInput([Fault(at, "the input must be an object")])
        self._catalogue.check(task, value, at=at)
        now = present()
        job = to_job(options, entry, input_text=dump(value), job_id=job_id, now=now)
        if job.lane is not None and (cap := options.key_max_waiting or entry.key_max_waiting):
            await self._lanes.caps.check(job, cap)
        rule = rule_of(options, entry)
        return job if rule is None else with_slot(job, rule, options, value)

    async def rule(self, task: str, options: Options) -> Rule:
        """Return how a job that has a slot is to treat its equals."""
        rule = rule_of(options, await self._catalogue.get(task))
        assert rule is not None
        return rule

    async def store(self, jobs: Sequence[Job]) -> None:
        """Return once all jobs are durable; raise StoreUnavailable (they may be stored or not)."""
        await self._put(jobs, are_new=False)

    async def store_new(self, jobs: Sequence[Job]) -> list[Job]:
        """The same for jobs that nobody has stored before, as they are then: some are let in."""
        return await self._put(jobs, are_new=True)

    async def _put(self, jobs: Sequence[Job], *, are_new: bool) -> list[Job]:
        storing = [_Storing(job, is_new=are_new) for job in jobs]
        for written in [self._commit.put(each) for each in storing]:
            await written
        return [each.job for each in storing]

    async def store_unless_held(self, job: Job) -> bool:
        """Store a job that has a slot; say False if some job, perhaps itself, holds that."""
        await self.store([job])
        if job.id not in self._kept_out:
            return True
        self._kept_out.discard(job.id)
        return False

    async def _write(self, batch: list[_Storing]) -> None:
        await self._let_in([each for each in batch if each.is_new and each.job.lane])
        kept_out = await self._inserts.insert([each.document for each in batch])
        jobs = [each.job for each in batch]
        if kept_out:
            self._kept_out |= kept_out
            jobs = [job for job in jobs if job.id not in kept_out]
        self._lanes.caps.stored(jobs)
        self._announcer.announce(jobs)

    async def _let_in(self, storing: Sequence[_Storing]) -> None:
        """Let those in for whose keys nobody waits: they need no second write to run."""
        let_in = await self._lanes.let_in([each.job for each in storing]) if storing else ()
        for each in storing:
            if each.job.id in let_in:
                each.let_in()
