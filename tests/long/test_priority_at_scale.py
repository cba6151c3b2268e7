"""An urgent job begins as soon as a slot is free, however many others wait."""

import asyncio
import random
from bisect import bisect_left
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from statistics import median, quantiles

import pytest

from deploy.local.stack import Stack
from tests.faults.measured import Report
from tests.journeys.service import Service, open_service

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SLOTS = 10
BACKLOG, URGENT = 10_000, 60
LASTS = 0.2  # seconds, each job of the backlog
GOAL = timedelta(milliseconds=50)


@pytest.fixture
async def small(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A service with so few slots that a backlog stays one."""
    settings = {"WARREN_SLOTS": str(SLOTS), "WARREN_PROCESSES": "1", "WARREN_GRACE_S": "1"}
    async with open_service(stack, own_name, settings) as running:
        yield running


async def test_behind_ten_thousand_an_urgent_job_begins_once_a_slot_is_free(
    small: Service, report: Report
) -> None:
    item = {"task": "try.double", "input": {"number": 1, "seconds": LASTS}, "priority": 1}
    answer = await small.http.post("/v1/jobs/bulk", json=[item] * BACKLOG, timeout=120)
    assert answer.json()["accepted"] == BACKLOG
    await asyncio.sleep(5)  # until nothing but the backlog is at work
    chance = random.Random(3)
    ids = []
    for _ in range(URGENT):
        await asyncio.sleep(chance.uniform(0.2, 0.6))
        ids.append((await small.submit("try.double", {"number": 2}, priority=9))["id"])
    for job_id in ids:
        await small.end_of(job_id)
    assert await small.unfinished() > BACKLOG / 2  # else this has shown nothing
    late = await _lateness(small, ids)
    worst = quantiles(late, n=20)[-1]
    report(
        f"urgent jobs behind {BACKLOG}: begun {median(late) * 1000:.0f} ms after a free slot "
        f"(p50), {worst * 1000:.0f} ms (p95)"
    )
    assert worst <= GOAL.total_seconds()


async def _lateness(service: Service, ids: list[str]) -> list[float]:
    """Return for each job the seconds from when it was stored and a slot was free to its start."""
    shown = {"created_at": 1, "started_at": 1, "finished_at": 1}
    begun = {"started_at": {"$exists": True}}
    jobs = {job["_id"]: job async for job in service.database.jobs.find(begun, shown)}
    starts = sorted(job["started_at"] for job in jobs.values())
    ends = sorted(job["finished_at"] for job in jobs.values() if "finished_at" in job)

    def free_from(at: datetime) -> datetime:
        running = bisect_left(starts, at) - bisect_left(ends, at)
        return at if running < SLOTS else ends[bisect_left(ends, at)]

    return [
        max(0.0, (jobs[one]["started_at"] - free_from(jobs[one]["created_at"])).total_seconds())
        for one in ids
    ]
