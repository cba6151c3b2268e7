"""Things die in the middle of work; every accepted job still ends once, with its own result."""

import asyncio
import json
from collections import Counter
from functools import partial
from pathlib import Path

import httpx2
import pytest

from deploy.local.stack import Stack
from tests.eventually import eventually
from tests.journeys.service import Service, open_service
from tests.journeys.watcher import watcher


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("jobs", [500, pytest.param(4000, marks=pytest.mark.long)])
async def test_jobs_survive_killed_workers_and_a_restarted_broker(
    jobs: int, stack: Stack, own_name: str, tmp_path: Path
) -> None:
    """Kill all worker processes again and again and restart RabbitMQ, under load."""
    ledger = tmp_path / "starts"
    environment = {"WARREN_PROCESSES": "2", "WARREN_SLOTS": "40"}
    async with open_service(stack, own_name, environment) as service:
        ends = asyncio.create_task(_count_ends(service, jobs))
        killing = asyncio.create_task(_kill_again_and_again(service))
        restarting = asyncio.create_task(_restart_the_broker(service, times=1 + jobs // 1000))
        accepted = await _submit_all(service, ledger, jobs)
        await restarting
        killing.cancel()
        await service.all_ended(within=120)
        told = await _when_all_are_told(ends)
        stored = await service.database.jobs.find({}).to_list(None)

    assert len(accepted) == jobs
    assert {job["_id"]: job["status"] for job in stored} == dict.fromkeys(accepted, "succeeded")
    assert {job["_id"]: json.loads(job["result"]) for job in stored} == {
        job_id: 2 * number for job_id, number in accepted.items()
    }
    assert set(told) == set(accepted), "a subscriber missed ends"
    assert {len(versions) for versions in told.values()} == {1}, "a job ended twice"
    starts = Counter(line.split()[0] for line in ledger.read_text().splitlines())
    assert set(starts) == set(accepted)
    kills = sum(job["lost"] for job in stored if "lost" in job)
    assert kills > 0, "nothing was killed in the middle of its work"
    assert sum(starts.values()) <= jobs + kills, "a job ran again without having lost its worker"


async def _submit_all(service: Service, ledger: Path, jobs: int) -> dict[str, int]:
    accepted: dict[str, int] = {}
    numbers = iter(range(jobs))

    async def submit_some() -> None:
        for number in numbers:
            given = {"number": number, "ledger": str(ledger), "seconds": 0.05}
            job = await service.submit("try.double", given, tags=["chaos"])
            accepted[job["id"]] = number
            await asyncio.sleep(0.05)  # so that the load lasts as long as the faults

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(submit_some())
    return accepted


async def _kill_again_and_again(service: Service) -> None:
    while True:
        await asyncio.sleep(2.5)
        await service.kill_worker_processes()


async def _restart_the_broker(service: Service, *, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(4)
        await service.stack.rabbit.restart()


async def _count_ends(service: Service, jobs: int) -> dict[str, set[int]]:
    """Follow all jobs by a filter; return the versions under which each was told to have ended."""
    told: dict[str, set[int]] = {}
    async with watcher(service.gateway.websocket_url) as watching:
        await watching.say(type="subscribe", id="all", filter={"tag": "chaos"})
        while len(told) < jobs:
            frame = await watching.hear(within=200)
            if frame["type"] == "next" and frame["job"]["done"]:
                told.setdefault(frame["job"]["id"], set()).add(frame["seq"])
    return told


async def _when_all_are_told(ends: "asyncio.Task[dict[str, set[int]]]") -> dict[str, set[int]]:
    async with asyncio.timeout(30):
        return await ends


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_every_202_of_a_killed_gateway_is_stored_and_ends(breakable: Service) -> None:
    accepted: dict[str, int] = {}

    async def submit_until_it_dies(first: int) -> None:
        async with httpx2.AsyncClient(base_url=breakable.gateway.url) as http:
            for number in range(first, first + 100_000):
                given = {"task": "math.add", "input": {"x": number, "y": 1}}
                try:
                    answer = await http.post("/v1/jobs", json=given)
                except httpx2.TransportError:
                    return
                if answer.status_code == 202:
                    accepted[answer.json()["id"]] = number + 1

    for round_number in range(3):
        base = round_number * 1_000_000
        clients = [
            asyncio.create_task(submit_until_it_dies(base + client * 100_000))
            for client in range(8)
        ]
        enough = len(accepted) + 200
        await eventually(partial(_has_grown_to, accepted, enough), within=30)
        await breakable.gateway.kill()
        await asyncio.gather(*clients)
        await breakable.gateway.start()

    await breakable.all_ended(within=60)
    stored = await breakable.database.jobs.find({"_id": {"$in": list(accepted)}}).to_list(None)
    assert {job["_id"]: json.loads(job["result"]) for job in stored} == accepted


def _has_grown_to(accepted: dict[str, int], size: int) -> bool:
    return len(accepted) >= size
