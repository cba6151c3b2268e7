"""Schedules in MongoDB. Every write names the revision that it was decided on.

How many keepers submit each nominal time exactly once, whenever one of them dies:

1. A keeper reads schedules that are due, and the unfinished jobs that overlap may depend on.
2. It *decides* and stores the decision with a compare-and-set on `rev`: the cursor moves over the
   times that came, and `making` names each job that has to be submitted, with its id. Of several
   keepers, one decision is stored; what the others saw, and when, has no influence any more. That
   is why it comes before the jobs: a keeper that found the earlier job unfinished and one that
   found it ended a moment later could otherwise skip and submit the same time.
3. Whoever finds a schedule with `making` inserts these jobs, with these ids. Repeating that is
   harmless: an id that is there counts as stored, and (schedule, nominal time) is unique too.
4. It empties `making`, again by compare-and-set, and sets the time of the next look. Until then
   the schedule stays due, so that a decision whose keeper died is carried out by the next one.

A keeper that was frozen between 3's reading and writing could insert jobs that have been run and
forgotten meanwhile: it checks its own clock, and starts over if that took long (`worker/keeper`).
Every instant that is compared with "now" is compared with the database's clock.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from shared.contracts.errors import NotFound, ScheduleExists
from shared.contracts.schedule import Schedule
from shared.infrastructure.collections import BY_ID, SCHEDULES
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.schedule_documents import (
    STORED,
    changed_state,
    to_schedule,
    whole_document,
)
from shared.infrastructure.writes import encoded, update

Change = tuple[Schedule, Schedule]
"""A schedule as it was read, and as it is to be."""


class ScheduleStore:
    """Reads and writes schedules, and reads what their jobs do."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._schedules = database[SCHEDULES]

    async def now(self) -> datetime:
        """Return the database's time."""
        with translated():
            hello: Document = await self._database.command("hello")
        now: datetime = hello["localTime"]
        return now.replace(tzinfo=UTC)  # commands do not heed the client's `tz_aware`

    async def add(self, schedule: Schedule) -> None:
        """Store a new schedule; one with its id counts as stored. Raises ScheduleExists."""
        with translated():
            try:
                await self._schedules.insert_one(whole_document(schedule))
            except DuplicateKeyError as error:
                if "name" in (error.details or {}).get("keyPattern", {}):
                    raise _name_is_taken(schedule) from None

    async def get(self, schedule_id: str) -> Schedule:
        """Read a schedule; raise NotFound."""
        with translated():
            found = await self._schedules.find_one({"_id": schedule_id})
        if found is None:
            raise NotFound(f"there is no schedule {schedule_id}")
        return to_schedule(found)

    async def read(self, ids: Sequence[str]) -> list[Schedule]:
        """Read those of the schedules that there are."""
        with translated():
            found = await self._schedules.find({"_id": {"$in": list(ids)}}).to_list(None)
        return [to_schedule(each) for each in found]

    async def page(self, filters: Document, *, size: int, after: str | None) -> list[Schedule]:
        """Read schedules, newest first, behind the id `after`."""
        query = filters if after is None else {**filters, "_id": {"$lt": after}}
        with translated():
            found = (
                await self._schedules.find(query).sort("_id", DESCENDING).limit(size).to_list(None)
            )
        return [to_schedule(each) for each in found]

    async def replace(self, before: Schedule, after: Schedule) -> bool:
        """Store a changed definition; say whether nobody was faster. Raises ScheduleExists."""
        with translated():
            try:
                outcome = await self._schedules.replace_one(
                    {"_id": before.id, "rev": before.rev}, whole_document(after), hint=BY_ID
                )
            except DuplicateKeyError:
                raise _name_is_taken(after) from None
        return bool(outcome.matched_count)

    async def remove(self, schedule_id: str) -> bool:
        """Forget a schedule, not its jobs; say whether it was there."""
        with translated():
            outcome = await self._schedules.delete_one({"_id": schedule_id})
        return bool(outcome.deleted_count)

    async def remove_declared(self, source: str, *, but: Sequence[str]) -> int:
        """Forget what stood in the code of this source and does not any more; say how many."""
        with translated():
            outcome = await self._schedules.delete_many(
                {"declared_by": source, "_id": {"$nin": list(but)}}
            )
        return outcome.deleted_count

    async def save(self, changes: Iterable[Change]) -> int:
        """Store new states, each if its schedule is as it was read; return how many were.

        May be repeated: what was stored does not match any more.
        """
        statements = [
            encoded(
                {
                    "q": {"_id": before.id, "rev": before.rev},
                    "u": changed_state(after, rev=before.rev + 1),
                    "hint": BY_ID,
                }
            )
            for before, after in changes
        ]
        return await update(self._database, SCHEDULES, statements) if statements else 0

    async def until_due(self) -> timedelta | None:
        """Return how long it is until a schedule has to be looked at; None if there is none."""
        away = {"$subtract": ["$next_at", "$$NOW"]}
        found = await self._find({"next_at": {"$type": "date"}}, {"_id": 0, "away": away}, most=1)
        return timedelta(milliseconds=found[0]["away"]) if found else None

    async def due(self, *, most: int) -> tuple[datetime | None, list[Schedule]]:
        """Return the database's time, and schedules to look at now, the longest due first."""
        come = {"next_at": {"$type": "date"}, "$expr": {"$lte": ["$next_at", "$$NOW"]}}
        found = await self._find(come, {**dict.fromkeys(STORED, 1), "now": "$$NOW"}, most=most)
        now = found[0]["now"] if found else None
        return now, list(map(to_schedule, found))

    async def _find(self, query: Document, shown: Document, *, most: int) -> list[Document]:
        with translated():
            return (
                await self._schedules.find(query, shown)
                .hint("next_at_1")
                .sort("next_at", ASCENDING)
                .limit(most)
                .to_list(None)
            )


def _name_is_taken(schedule: Schedule) -> ScheduleExists:
    return ScheduleExists(f"another schedule has the name {schedule.name!r}; choose another one")
