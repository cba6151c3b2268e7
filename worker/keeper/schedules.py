"""Submits the jobs of schedules at their times; `shared/infrastructure/schedules.py` has the plan.

Of a nominal time that comes, first the decision is stored, then its job, then that this is done.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.contracts.errors import InvalidSchedule
from shared.contracts.events import hint_of
from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.schedule import Schedule
from shared.contracts.schedules.overlap import (
    cancels_what_runs,
    decide,
    needs_to_know_if_busy,
)
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_inserts import JobInserts, encode_job
from shared.infrastructure.logs import get_logger
from shared.infrastructure.schedule_documents import advanced
from shared.infrastructure.scheduled_jobs import ScheduledJobs
from shared.infrastructure.schedules import ScheduleStore

EVERY = 1.0  # seconds between two looks, at most; a new schedule waits as long
_SHORTEST_REST = 0.05  # seconds, in which what falls due together collects
_MOST = 500
_RINGING = 1.0  # seconds; a broker that does not answer must not make the next times late
_FRESH = 5.0  # seconds within which what was read may be acted on
log = get_logger(__name__)

Ring = Callable[[Iterable[tuple[str, str]]], Awaitable[int]]
Cancel = Callable[[Sequence[Job]], Awaitable[None]]


class LineUp(Protocol):
    """Lets in who is next for these keys, and deals with jobs that are not to wait."""

    async def __call__(self, keys: Iterable[str], *, impatient: Sequence[str] = ()) -> None:
        """Do so."""


class Schedules:
    """Fires what is due; any number of keepers may do so at once."""

    def __init__(
        self,
        *,
        store: ScheduleStore,
        jobs: ScheduledJobs,
        inserts: JobInserts,
        hints: HintSender,
        ring: Ring,
        cancel: Cancel,
        line_up: LineUp,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._inserts = inserts
        self._hints = hints
        self._ring = ring  # for (band, id) pairs
        self._cancel = cancel  # ends jobs, or asks their workers to; may be repeated
        self._line_up = line_up  # lets jobs into the lanes of these keys
        self._pause = 0.0

    async def step(self) -> int:
        """Fire what is due; return how many jobs were submitted. Idle, that is one small query."""
        away = await self._store.until_due()
        if away is not None and away <= timedelta():
            self._pause = _SHORTEST_REST
            return await self.fire()
        self._pause = EVERY if away is None else min(EVERY, away.total_seconds())
        return 0

    async def rest(self) -> None:
        """Sleep until the next schedule is due, as far as we know."""
        await asyncio.sleep(self._pause)

    async def fire(self) -> int:
        """Look at every schedule that is due; return how many jobs were submitted."""
        started = time.monotonic()
        now, found = await self._store.due(most=_MOST)
        if now is None:
            return 0
        left_over = [schedule for schedule in found if schedule.making]
        decided = await self._decide(now, [s for s in found if not s.making])
        submitted = await self._submit(left_over, now=now, started=started, by_others=True)
        return submitted + await self._submit(decided, now=now, started=started)

    async def _decide(self, now: datetime, schedules: Sequence[Schedule]) -> list[Schedule]:
        """Store what is to become of the times that came; return what is to be carried out."""
        asked = [schedule.id for schedule in schedules if needs_to_know_if_busy(schedule)]
        unfinished: dict[str, list[Job]] = defaultdict(list)
        for job in await self._jobs.unfinished(asked):
            unfinished[job.schedule_id or ""].append(job)
        changes = [(each, _decided(each, now, unfinished.get(each.id, ()))) for each in schedules]
        stored = await self._store.save(changes)
        after = [advanced(changed) for _, changed in changes]
        if stored < len(changes):  # another keeper, or a change by its owner, came first
            ours = {(each.id, each.rev): each.making for each in after}
            read = await self._store.read([each.id for each in after])
            after = [each for each in read if ours.get((each.id, each.rev)) == each.making]
        for schedule in after:
            if cancels_what_runs(schedule) and unfinished.get(schedule.id):
                await self._cancel(unfinished[schedule.id])
        return [schedule for schedule in after if schedule.making]

    async def _submit(
        self,
        schedules: Sequence[Schedule],
        *,
        now: datetime,
        started: float,
        by_others: bool = False,
    ) -> int:
        """Store the jobs that were decided on, and that this is done."""
        jobs = [each.job(making) for each in schedules for making in each.making]
        if not schedules:
            return 0
        documents = [encode_job(job) for job in jobs]
        gone = await self._jobs.forgotten(job.id for job in jobs) if by_others else set()
        if time.monotonic() - started > _FRESH:
            log.warning("schedules.slow", reason="too long since the schedules were read")
            return 0
        await self._inserts.insert(
            [text for job, text in zip(jobs, documents, strict=True) if job.id not in gone]
        )
        await self._store.save([(each, each.made(now=now)) for each in schedules])
        await self._announce([job for job in jobs if job.id not in gone])
        return len(jobs)

    async def _announce(self, jobs: Sequence[Job]) -> None:
        self._hints.tell_of_new(map(hint_of, jobs))
        self._hints.tell_due(job.due_at - job.created_at for job in jobs if job.due_at)
        runnable = [(job.band, job.id) for job in jobs if job.status is Status.QUEUED]
        keyed = [job for job in jobs if job.lane is not None]
        if keyed:
            impatient = [job.id for job in keyed if job.when_busy]
            await self._line_up({job.lane or "" for job in keyed}, impatient=impatient)
        with suppress(TimeoutError):  # what is not rung for now is rung for later
            async with asyncio.timeout(_RINGING):
                await self._ring(runnable)


def _decided(schedule: Schedule, now: datetime, unfinished: Sequence[Job]) -> Schedule:
    busy_since = min((job.created_at for job in unfinished), default=None)
    try:
        return decide(schedule, now=now, busy_since=busy_since, new_id=lambda: new_id(now))
    except InvalidSchedule as error:
        # Its zone has gone from the database of zones: it must not keep others from their times.
        log.error("schedule.unusable", schedule=schedule.id, reason=str(error))
        note = f"paused by the keeper: {error}"
        return replace(schedule, paused=True, note=note, next_at=None)
