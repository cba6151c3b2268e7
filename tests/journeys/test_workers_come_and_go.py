"""Workers drain, are replaced under load, stop in a hurry or are blocked; their jobs go on."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from deploy.local.services import make_worker
from deploy.local.stack import Stack
from tests.eventually import eventually
from tests.journeys.service import Document, Service, open_service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
async def own(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A gateway and a worker of one process with a short lease, for one test alone."""
    environment = {"WARREN_LEASE_S": "3", "WARREN_SLOTS": "20", "WARREN_GRACE_S": "60"}
    async with open_service(stack, own_name, environment) as service:
        yield service


async def status_of(service: Service, job: Document) -> str:
    status: str = (await service.http.get(f"/v1/jobs/{job['id']}")).json()["status"]
    return status


async def start(service: Service, seconds: float) -> Document:
    """Submit a job that takes so long, and return it once it runs."""
    job = await service.submit("try.double", {"number": 7, "seconds": seconds})

    async def runs() -> bool:
        return await status_of(service, job) == "running"

    await eventually(runs, within=20)
    return job


async def stored(service: Service, job: Document) -> Document:
    found = await service.database.jobs.find_one({"_id": job["id"]})
    assert found is not None
    return found


async def test_a_draining_worker_finishes_what_it_runs_and_takes_no_more(own: Service) -> None:
    running = await start(own, 3)
    [row] = await own.database.workers.find({"state": "running"}).to_list(None)
    answer = await own.http.post(f"/v1/workers/{row['_id']}/drain")
    assert answer.status_code in (200, 202), answer.text

    async def paused() -> bool:
        return "worker.draining" in own.worker.log.read_text()

    await eventually(paused)
    later = await own.submit("try.double", {"number": 1})
    assert (await own.end_of(running["id"]))["status"] == "succeeded"
    assert await status_of(own, later) == "queued"
    after = await own.database.workers.find_one({"_id": row["_id"]})
    assert after is not None
    assert after["state"] == "draining"

    await own.worker.stop()
    await own.worker.start()
    ended = await own.end_of(later["id"])
    assert (ended["status"], ended["attempt"]) == ("succeeded", 1)


async def test_workers_that_are_replaced_under_load_cost_no_attempt(own: Service) -> None:
    retry = {"max_attempts": 2, "backoff_s": 0.5}
    jobs: list[Document] = []

    async def submit() -> None:
        for _ in range(200):
            jobs.append(await own.submit("try.flaky", {"failures": 1}, retry=retry))
            await asyncio.sleep(0.02)

    async with AsyncExitStack() as exits:
        other = make_worker(own.stack, environment=own.environment, name="another-worker")
        exits.push_async_callback(other.close, in_good_order=False)
        async with asyncio.TaskGroup() as group:
            group.create_task(submit())
            long = await start(own, 4)
            await other.start()
            for worker in (own.worker, other):
                await worker.stop()
                await worker.start()
        await own.all_ended(within=60)
    ends = [await stored(own, job) for job in jobs]
    assert {(end["status"], end["attempt"]) for end in ends} == {("succeeded", 2)}
    assert (await stored(own, long))["attempt"] == 1
    assert await own.database.jobs.count_documents({"lost": {"$gt": 0}}) == 0


async def test_a_worker_that_is_asked_twice_to_stop_hands_back_at_once(own: Service) -> None:
    job = await start(own, 100)
    os.kill(own.worker.pid, signal.SIGTERM)

    async def stopping() -> bool:
        return "worker.stopping" in own.worker.log.read_text()

    await eventually(stopping)
    began = time.monotonic()
    os.kill(own.worker.pid, signal.SIGTERM)
    await own.worker.ended()
    assert time.monotonic() - began < 10
    after = await stored(own, job)
    assert (after["status"], after.get("attempt", 0), after.get("lost", 0)) == ("queued", 0, 0)


async def test_a_task_that_blocks_its_worker_until_the_lease_is_lost_is_the_one_to_blame(
    own: Service, tmp_path: Path
) -> None:
    neighbours = [await start(own, 12) for _ in range(3)]
    ledger = tmp_path / "blocks"
    culprit = await own.submit("try.blocks", {"seconds": 30, "ledger": str(ledger)})
    for job in neighbours:
        ended = await own.end_of(job["id"], within=60)
        assert (ended["result"], ended["attempt"]) == (14, 1)
        assert [each["outcome"] for each in ended["attempts"]] == ["handed-back", "succeeded"]
    ended = await own.end_of(culprit["id"], within=60)
    assert [each["outcome"] for each in ended["attempts"]] == ["lost", "succeeded"]
    said = (await own.http.get(f"/v1/jobs/{culprit['id']}/logs")).json()
    assert "had to be ended" in said["lines"][0]["message"]
