"""Pausing a queue or a task: nothing begins, what runs goes on, and everything comes afterwards."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.eventually import eventually
from tests.journeys.service import Service

Document = dict[str, Any]
QUEUE = "paused-queue"


@pytest.fixture
async def everything_resumed(service: Service) -> AsyncIterator[None]:
    """Leave nothing paused behind."""
    yield
    for path in (f"/v1/queues/{QUEUE}", "/v1/queues/journeys", "/v1/tasks/try.threaded"):
        await service.http.post(f"{path}/resume")


pytestmark = pytest.mark.usefixtures("everything_resumed")


async def post(service: Service, path: str, **body: Any) -> Document:
    answer = await service.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    told: Document = answer.json()
    return told


async def job(service: Service, job_id: str) -> Document:
    found: Document = (await service.http.get(f"/v1/jobs/{job_id}")).json()
    return found


async def snapshot(service: Service, job_id: str) -> Document:
    """Return what a stream of a job begins with."""
    path, headers = f"/v1/jobs/{job_id}/events", {"Accept": "text/event-stream"}
    async with service.http.stream("GET", path, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                found: Document = json.loads(line.removeprefix("data: "))
                return found
    raise AssertionError("the stream has ended")


async def test_of_a_paused_queue_nothing_begins_until_it_is_resumed(service: Service) -> None:
    running = await service.submit("try.double", {"number": 1, "seconds": 2})

    async def runs() -> bool:
        return bool((await job(service, running["id"]))["status"] == "running")

    await eventually(runs)
    told = await post(service, "/v1/queues/journeys/pause", why="the database is moved")
    assert (told["paused"], told["pause"]["why"]) == (True, "the database is moved")
    await asyncio.sleep(0.2)  # the message to the worker; without it it looks within two seconds
    held = [await service.submit("try.double", {"number": n}) for n in range(5)]
    assert held[0]["waiting_for"][0]["gate"] == "paused"
    later = await service.submit("try.double", {"number": 6}, delay_s=0.2)
    assert (await service.end_of(running["id"]))["status"] == "succeeded"
    why = (await service.http.get(f"/v1/jobs/{held[0]['id']}/why")).json()
    assert "the database is moved" in why["summary"]
    listed = (await service.http.get("/v1/queues")).json()["queues"]
    assert [each["name"] for each in listed if each["paused"]] == ["journeys"]
    for each in (*held, later):
        now = await job(service, each["id"])
        assert (now["status"], now["attempt"]) == ("queued", 0)
        assert now["waiting_for"][0]["queue"] == "journeys"
    resumed = await post(service, "/v1/queues/journeys/resume")
    assert (resumed["paused"], resumed["pause"]) == (False, None)
    for each in (*held, later):
        assert (await service.end_of(each["id"], within=10))["attempt"] == 1


async def test_of_a_paused_task_nothing_begins_and_others_of_its_queue_run(
    service: Service,
) -> None:
    told = await post(service, "/v1/tasks/try.threaded/pause")
    assert (told["name"], told["paused"]) == ("try.threaded", True)
    held = await service.submit("try.threaded", {"number": 2})
    gate = held["waiting_for"][0]
    assert (gate["gate"], gate["task"], gate["why"]) == ("paused", "try.threaded", None)
    for number in range(3):
        assert (await service.run("try.double", {"number": number}))["result"] == 2 * number
    assert (await job(service, held["id"]))["status"] == "queued"
    told_live = await snapshot(service, held["id"])
    assert told_live["waiting_for"] == (await job(service, held["id"]))["waiting_for"] == [gate]
    cancelled = await service.submit("try.threaded", {"number": 3})
    await service.http.post(f"/v1/jobs/{cancelled['id']}/cancel")
    assert (await job(service, cancelled["id"]))["status"] == "cancelled"
    await post(service, "/v1/tasks/try.threaded/resume")
    assert (await service.end_of(held["id"], within=10))["result"] == 4


async def test_a_bell_that_was_rung_before_the_pause_is_neither_heeded_nor_lost(
    service: Service,
) -> None:
    """The pause is written behind the gateway's back: it goes on to ring."""
    pause = {"_id": "queue:journeys", "kind": "queue", "name": "journeys", "by": "x", "why": None}
    jobs = []
    await service.database.pauses.insert_one({**pause, "at": None})
    for number in range(30):
        jobs.append(await service.submit("try.double", {"number": number}))
        await asyncio.sleep(0.1)
    begun = [each for each in jobs if (await job(service, each["id"]))["done"]]
    assert len(begun) < len(jobs)
    await post(service, "/v1/queues/journeys/resume")
    for each in jobs:
        assert (await service.end_of(each["id"], within=15))["status"] == "succeeded"


async def test_what_cannot_be_paused_is_refused(service: Service) -> None:
    assert (await service.http.post("/v1/tasks/no.such/pause")).status_code == 404
    assert (await service.http.post("/v1/queues/a%20b/pause")).status_code == 404
    wrong = await service.http.post(f"/v1/queues/{QUEUE}/pause", json={"reason": "x"})
    assert wrong.status_code == 422
    ahead = await post(service, f"/v1/queues/{QUEUE}/pause", why="not yet")
    assert (ahead["name"], ahead["paused"], ahead["workers"]) == (QUEUE, True, 0)
