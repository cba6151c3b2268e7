"""Priorities: the urgent job goes before whatever else is runnable, also behind a long backlog."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from deploy.local.stack import Stack
from tests.eventually import eventually
from tests.journeys.service import Service, open_service

Document = dict[str, Any]
BACKLOG = 10_000
LASTS = 0.02  # seconds, each job of the backlog
PROMPT = timedelta(seconds=1)  # quick where nothing else runs; see docs/benchmark.md


@pytest.fixture
async def small(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A service with one slot, so that a backlog stays one."""
    one = {"WARREN_SLOTS": "1", "WARREN_GRACE_S": "1"}
    async with open_service(stack, own_name, one) as running:
        yield running


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_an_urgent_job_does_not_wait_behind_a_backlog(small: Service) -> None:
    item = {"task": "try.double", "input": {"number": 1, "seconds": LASTS}, "priority": 1}
    answer = await small.http.post("/v1/jobs/bulk", json=[item] * BACKLOG, timeout=60)
    assert answer.json()["accepted"] == BACKLOG
    for priority in (9, 2, 9, 5):
        urgent = await small.run("try.double", {"number": 2}, priority=priority)
        waited = instant(urgent["started_at"]) - instant(urgent["created_at"])
        assert waited < PROMPT, f"priority {priority} waited {waited}"
    assert await small.unfinished() > BACKLOG / 2  # else this has shown nothing


async def test_jobs_of_all_ten_priorities_run_in_their_order(small: Service) -> None:
    in_the_way = await small.submit("try.double", {"number": 1, "seconds": 60.0})
    running = {"_id": in_the_way["id"], "status": "running"}
    await eventually(lambda: small.database.jobs.find_one(running), within=10)
    order = [3, 9, 0, 5, 7, 1, 8, 2, 6, 4]
    given = {"number": 1, "seconds": LASTS}
    jobs = [await small.submit("try.double", given, priority=each) for each in order]

    async def all_are_rung_for() -> bool:
        rung = {"status": "queued", "published": True}
        return await small.database.jobs.count_documents(rung) == len(jobs)

    await eventually(all_are_rung_for, within=10)
    await small.http.post(f"/v1/jobs/{in_the_way['id']}/cancel")
    ended: list[Document] = [await small.end_of(job["id"]) for job in jobs]
    by_start = sorted(ended, key=lambda job: str(job["started_at"]))
    assert [job["priority"] for job in by_start] == sorted(order, reverse=True)
