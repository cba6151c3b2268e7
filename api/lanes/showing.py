"""Lanes as clients see them, and what a job in line is told of its place."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from api.lanes.outlook import Outlook, expected
from shared.contracts.instants import present
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.lanes.looks import LaneLooks, since_of
from shared.infrastructure.mongo import Document
from shared.infrastructure.queue_depths import MOST_COUNTED, QueueDepths

_SHOWN = 20  # of those in line, and of those who have the key
_AT_ONCE = 20  # lanes that are looked at together

Facts = dict[str, Any]


class LaneShowing:
    """Reads lanes and puts them into words."""

    def __init__(self, looks: LaneLooks, depths: QueueDepths) -> None:
        self._looks = looks
        self._depths = depths

    async def lane(self, key: str) -> Facts:
        """Return all about one lane; one that nobody uses is empty."""
        row = await self._looks.row(key)
        now = present()
        told, first = await asyncio.gather(
            self._told(row, now), self._looks.first(key, most=_SHOWN)
        )
        return {**told, "next": [job.id for job in first]}

    async def page(self, *, held: bool | None, after: str, most: int) -> list[Facts]:
        """Return lanes that are in use, in order of their keys, without who is next."""
        rows = await self._looks.rows(held=held, after=after, most=most)
        now = present()
        told: list[Facts] = []
        for start in range(0, len(rows), _AT_ONCE):
            few = rows[start : start + _AT_ONCE]
            told += await asyncio.gather(*(self._told(row, now) for row in few))
        return told

    async def _told(self, row: Document, now: datetime) -> Facts:
        key = row["_id"]
        holders, waiting, oldest = await asyncio.gather(
            self._looks.holders(row), self._looks.waiting(key), self._looks.oldest(key)
        )
        held = row.get("held")
        return {
            "key": key,
            "limit": min((each["limit"] for each in row["holders"]), default=None),
            "running": sum(job.status is Status.RUNNING for job in holders),
            "queued": sum(job.status is not Status.RUNNING for job in holders),
            "waiting": waiting,
            "oldest_waiting_s": _age(since_of(oldest), now) if oldest else None,
            "holders": [_holder(job, now) for job in holders[:_SHOWN]],
            "held": held and {"by": held["by"], "note": held["note"], "since": held["since"]},
        }

    async def gate(self, job: Job) -> Facts:
        """Return what a job in line is told: who has the key, and how many come first."""
        row, ahead = await asyncio.gather(
            self._looks.row(job.lane or ""), self._looks.ahead_of(job)
        )
        holders = [each["job"] for each in row["holders"] if each["job"] != job.id]
        return {
            "gate": "key",
            "key": job.lane,
            "holder": holders[0] if holders else None,
            "ahead": ahead,
        }

    async def outlook(self, job: Job) -> Outlook:
        """Return when a job in line may start, as far as the last ones of its key tell."""
        key = job.lane or ""
        row, ahead, first = await asyncio.gather(
            self._looks.row(key), self._looks.ahead_of(job), self._looks.first(key, most=1)
        )
        holders = await self._looks.holders(row)
        took = await self._durations(job, holders or first)
        now = present()
        since, until = (None, None)
        if "held" not in row and ahead < MOST_COUNTED:
            running = [_ran(each, now) for each in holders]
            since, until = expected(ahead, running, took, limit=job.key_limit)
        return Outlook(
            key=key,
            holders=holders,
            ahead=ahead,
            held=row.get("held"),
            earliest=None if since is None else now + timedelta(seconds=since),
            latest=None if until is None else now + timedelta(seconds=until),
        )

    async def _durations(self, job: Job, first: Sequence[Job]) -> Sequence[float]:
        before = min((each.id for each in first), default=job.id)
        took = await self._looks.durations(job.lane or "", before=before)
        return took if len(took) > 1 else await self._depths.durations(job.queue)


def _holder(job: Job, now: datetime) -> Facts:
    return {
        "id": job.id,
        "task": job.task,
        "status": job.status,
        "started_at": job.started_at,
        "age_s": _age(job.started_at or job.queued_at or job.created_at, now),
    }


def _ran(job: Job, now: datetime) -> float:
    return _age(job.started_at, now) if job.started_at else 0.0


def _age(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())
