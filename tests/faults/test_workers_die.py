"""Worker processes are killed, frozen or told to stop; their jobs go on elsewhere."""

import asyncio
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.eventually import eventually
from tests.journeys.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_the_jobs_of_a_killed_process_run_elsewhere_at_once(breakable: Service) -> None:
    jobs = [await _start(breakable, number, seconds=3) for number in range(8)]

    await breakable.kill_worker_processes()

    for number, job_id in enumerate(jobs):
        ended = await breakable.end_of(job_id, within=40)
        assert (ended["status"], ended["result"], ended["attempt"]) == ("succeeded", 2 * number, 1)
    stored = await _stored(breakable, jobs[0])
    assert stored["lost"] >= 1
    assert stored["past_attempts"][0]["outcome"] == "lost"


async def test_a_frozen_process_loses_its_lease_and_can_change_nothing_later(
    breakable: Service,
) -> None:
    job = await _start(breakable, 7, seconds=2)
    holder = (await _stored(breakable, job))["claim"]["worker"]
    row = await breakable.database.workers.find_one({"_id": holder})
    assert row is not None
    os.kill(row["pid"], signal.SIGSTOP)
    try:
        ended = await breakable.end_of(job, within=40)
    finally:
        os.kill(row["pid"], signal.SIGCONT)

    async def replaced() -> bool:
        return row["pid"] not in await breakable.worker_processes()

    assert ended["result"] == 14
    assert ended["worker"] != holder
    await eventually(replaced, within=30)
    after = (await breakable.http.get(f"/v1/jobs/{job}")).json()
    assert after == ended


async def test_a_stopped_worker_finishes_short_jobs_and_hands_back_long_ones(
    breakable: Service,
) -> None:
    short = await _start(breakable, 1, seconds=1.5)
    long = await _start(breakable, 2, seconds=60)
    processes = await breakable.worker_processes()

    await breakable.worker.stop()

    done = await breakable.end_of(short, within=5)
    handed_back = (await breakable.http.get(f"/v1/jobs/{long}")).json()
    assert (done["status"], done["result"]) == ("succeeded", 2)
    assert (handed_back["status"], handed_back["attempt"]) == ("queued", 0)
    stored = await _stored(breakable, long)
    assert stored["past_attempts"][0]["outcome"] == "handed-back"
    theirs = {"pid": {"$in": processes}}
    assert await breakable.database.workers.distinct("state", theirs) == ["stopped"]
    await breakable.http.post(f"/v1/jobs/{long}/cancel")


async def test_a_chain_goes_on_elsewhere_when_its_worker_is_killed(breakable: Service) -> None:
    numbers: list[Any] = [1, *({"$from": f"n{n}"} for n in range(59))]
    nodes = {
        f"n{n}": {"task": "try.double", "input": {"number": number}}
        for n, number in enumerate(numbers)
    }
    answer = await breakable.http.post("/v1/workflows", json={"nodes": nodes})
    workflow = f"/v1/workflows/{answer.json()['id']}"

    async def ended(least: int) -> bool:
        view = (await breakable.http.get(workflow)).json()
        return bool(view["counts"].get("succeeded", 0) >= least)

    for least in (10, 30):
        await eventually(partial(ended, least), within=40)
        await breakable.kill_worker_processes()
    await eventually(partial(ended, 60), within=60)

    view = (await breakable.http.get(workflow, headers={"Prefer": "wait=20"}, timeout=30)).json()
    jobs = await breakable.database.jobs.find({"workflow_id": answer.json()["id"]}).to_list(None)
    assert (view["status"], view["result"]) == ("succeeded", 2**60)
    assert all(job["attempt"] == 1 for job in jobs)
    assert sum(job.get("lost", 0) for job in jobs) >= 1


async def test_no_process_outlives_a_killed_supervisor(breakable: Service) -> None:
    job = await _start(breakable, 3, seconds=4)
    pids = await breakable.worker_processes()

    await breakable.worker.kill()

    def gone() -> bool:
        return not any(_alive(pid) for pid in pids)

    await eventually(gone, within=20)
    await breakable.worker.start()
    assert (await breakable.end_of(job, within=40))["result"] == 6


@pytest.mark.timeout(240)
async def test_a_job_that_kills_its_process_fails_and_its_neighbours_do_not(
    breakable: Service, tmp_path: Path
) -> None:
    ledger = tmp_path / "kills"
    poison = await breakable.submit("try.kills", {"ledger": str(ledger)})
    innocents = [
        (await breakable.submit("try.double", {"number": n, "seconds": 0.3}))["id"]
        for n in range(30)
    ]

    failed = await breakable.end_of(poison["id"], within=120)
    ended = await asyncio.gather(*(breakable.end_of(job_id, within=120) for job_id in innocents))

    assert (failed["status"], failed["error"]["type"]) == ("failed", "worker-lost")
    assert [job["result"] for job in ended] == [2 * n for n in range(30)]
    assert 3 <= len(ledger.read_text().splitlines()) <= 6


async def _start(service: Service, number: int, *, seconds: float) -> str:
    job = await service.submit("try.double", {"number": number, "seconds": seconds})
    job_id: str = job["id"]

    async def runs() -> bool:
        return bool((await _stored(service, job_id))["status"] == "running")

    await eventually(runs, within=20)
    return job_id


async def _stored(service: Service, job_id: str) -> dict[str, Any]:
    found = await service.database.jobs.find_one({"_id": job_id})
    assert found is not None
    return found


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
