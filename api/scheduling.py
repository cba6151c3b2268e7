"""Making, changing and using schedules. Each change is decided on what was read, and guarded."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from api.acceptance import Acceptance
from api.catalogue import Catalogue
from api.schedules import (
    Backfill,
    ScheduleRequest,
    definition_of,
    patched,
    read_schedule,
    to_schedule,
)
from shared.contracts.errors import Fault, InvalidInput, StoreUnavailable
from shared.contracts.gates import in_line
from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.schedule import Making, Schedule
from shared.contracts.schedules.overlap import backfill
from shared.infrastructure.mongo import Database
from shared.infrastructure.schedule_documents import advanced
from shared.infrastructure.scheduled_jobs import ScheduledJobs
from shared.infrastructure.schedules import ScheduleStore

MOST_FILLED = 10_000
"""How many nominal times one backfill covers at most."""

_TRIES = 20


class Scheduling:
    """What a gateway does with schedules."""

    def __init__(self, database: Database, catalogue: Catalogue, acceptance: Acceptance) -> None:
        self.store = ScheduleStore(database)
        self.jobs = ScheduledJobs(database)
        self._catalogue = catalogue
        self._acceptance = acceptance

    async def create(self, value: Any, *, schedule_id: str | None) -> Schedule:
        """Store a new schedule; raise InvalidInput, InvalidSchedule or ScheduleExists."""
        now = await self.store.now()
        schedule = await self._made_of(value, schedule_id=schedule_id or new_id(now), now=now)
        await self.store.add(schedule)
        return schedule

    async def put(self, schedule_id: str, value: Any) -> Schedule:
        """Give a schedule another definition; what it has done so far stays."""
        now = await self.store.now()
        after = await self._made_of(value, schedule_id=schedule_id, now=now)
        return await self._change(schedule_id, lambda before: before.redefined(after))

    async def patch(self, schedule_id: str, patch: Any) -> Schedule:
        """Change some fields of a definition."""
        before = await self.store.get(schedule_id)
        return await self.put(schedule_id, patched(before, patch))

    async def pause(self, schedule_id: str, note: str | None) -> Schedule:
        """Let a schedule submit nothing until it is resumed."""
        now = await self.store.now()
        return await self._change(schedule_id, lambda before: before.pause(note, now=now))

    async def resume(self, schedule_id: str, note: str | None) -> Schedule:
        """Let a schedule submit again, from now on."""
        now = await self.store.now()
        return await self._change(schedule_id, lambda before: before.resume(note, now=now))

    async def trigger(self, schedule_id: str, *, job_id: str | None) -> Job:
        """Submit one of its jobs now, whatever runs, even while it is paused."""
        schedule = await self.store.get(schedule_id)
        now = await self.store.now()
        job = schedule.job(Making(nominal_at=now, job_id=job_id or new_id(now)))
        job = replace(job, created_at=now, **{"due_at": None, **in_line(job.keys)})
        if schedule.expires_in is not None:
            job = replace(job, expires_at=now + schedule.expires_in)
        job = await self.jobs.add_out_of_turn(job)
        await self._acceptance.store([job])  # it is there already; this rings the bell
        return job

    async def backfill(self, schedule_id: str, asked: Backfill) -> int:
        """Submit jobs for past times that have none; return how many will be."""
        if asked.until < asked.since:
            raise InvalidInput([Fault("/to", "the range ends before it begins")])
        submitted = 0

        def filled(before: Schedule, there: set[datetime], now: datetime) -> Schedule:
            nonlocal submitted
            # What lies behind the cursor is the keeper's, unless a pause keeps it from that.
            until = min(asked.until, now if before.paused else before.cursor)
            fires = before.fires(after=asked.since, until=until, most=MOST_FILLED + 1)
            if len(fires) > MOST_FILLED:
                why = f"the range holds more than {MOST_FILLED} nominal times; ask for less at once"
                raise InvalidInput([Fault("/to", why)])
            there = there | {m.nominal_at for m in before.making}
            there |= {held.nominal_at for held in before.buffered}
            times = [fire.at for fire in fires if fire.at not in there]
            overlap = asked.overlap or before.overlap
            after = backfill(before, times, overlap, now=now, new_id=lambda: new_id(now))
            added = len(after.making) + len(after.buffered)
            submitted = added - len(before.making) - len(before.buffered)
            return after

        now = await self.store.now()
        there = await self.jobs.nominal_times(schedule_id, after=asked.since, until=asked.until)
        await self._change(schedule_id, lambda before: filled(before, there, now))
        return submitted

    async def _made_of(self, value: Any, *, schedule_id: str, now: datetime) -> Schedule:
        asked: ScheduleRequest = read_schedule(value)
        entry = await self._catalogue.get(asked.task)
        self._catalogue.check(asked.task, asked.input)
        return to_schedule(
            asked, entry, definition=definition_of(value), schedule_id=schedule_id, now=now
        )

    async def _change(self, schedule_id: str, change: Callable[[Schedule], Schedule]) -> Schedule:
        for _ in range(_TRIES):
            before = await self.store.get(schedule_id)
            after = advanced(change(before))
            if await self.store.replace(before, after):
                return after
        raise StoreUnavailable(f"schedule {schedule_id} changes too fast; try again")
