"""Why is it not running? Each job answers for itself; queues and workers say how they stand."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from deploy.local.services import make_worker
from deploy.local.stack import Stack
from tests.eventually import eventually
from tests.journeys.service import Document, Service, open_service


async def why(service: Service, job: Document) -> Document:
    answer = await service.http.get(f"/v1/jobs/{job['id']}/why")
    assert answer.status_code == 200, answer.text
    told: Document = answer.json()
    return told


def codes(told: Document) -> list[str]:
    return [reason["code"] for reason in told["reasons"]]


async def test_a_waiting_job_names_its_gate(service: Service) -> None:
    job = await service.submit("try.double", {"number": 1}, delay_s=3600)
    told = await why(service, job)
    assert (told["status"], codes(told)) == ("waiting", ["time"])
    assert told["waiting_for"] == job["waiting_for"]
    assert told["expected_start"] == job["run_at"]
    await service.http.post(f"/v1/jobs/{job['id']}/cancel")


async def test_a_queue_that_nobody_serves_is_named(service: Service) -> None:
    first = await service.submit("try.double", {"number": 1}, queue="deserted")
    second = await service.submit("try.double", {"number": 1}, queue="deserted")
    urgent = await service.submit("try.double", {"number": 1}, queue="deserted", priority=9)
    told = await why(service, second)
    assert codes(told) == ["no-worker"]
    assert "'deserted'" in told["summary"]
    assert (told["position"], told["expected_start"]) == (2, None)
    assert [(await why(service, each))["position"] for each in (urgent, first)] == [0, 1]
    queue = await the_queue(service, "deserted")
    assert (queue["queued"], queue["workers"], queue["held"]) == (3, 0, False)
    assert queue["oldest_queued_s"] >= 0
    await service.http.post(
        "/v1/actions", json={"action": "cancel", "filter": {"queue": "deserted"}}
    )
    listed = (await service.http.get("/v1/queues")).json()["queues"]
    assert "deserted" not in {each["name"] for each in listed}


async def test_a_running_job_names_its_worker_and_its_limits(service: Service) -> None:
    given = {"number": 1, "seconds": 60}
    job = await service.submit("try.double", given, timeout_s=50, soft_timeout_s=40)

    async def runs() -> bool:
        return bool((await why(service, job))["status"] == "running")

    await eventually(runs, within=15)
    told = await why(service, job)
    assert codes(told) == ["running"]
    attempt = told["running"]
    assert attempt["started_at"] < attempt["soft_deadline"] < attempt["hard_deadline"]
    [worker] = (await service.http.get("/v1/workers")).json()["workers"]
    assert (attempt["worker"], worker["jobs"]) == (worker["id"], [job["id"]])
    assert (worker["state"], worker["running"]) == ("running", 1)
    assert "try.double" in worker["tasks"]
    await service.http.post(f"/v1/jobs/{job['id']}/cancel", headers={"Prefer": "wait=20"})
    assert codes(await why(service, job)) == ["ended"]


async def test_a_failed_job_says_why(service: Service) -> None:
    job = await service.run("try.picky", {"what": "LookupError"})
    told = await why(service, job)
    assert (codes(told), told["position"]) == (["ended"], None)
    assert job["error"]["message"] in told["summary"]


async def the_queue(service: Service, name: str) -> Document:
    listed = (await service.http.get("/v1/queues")).json()["queues"]
    [queue] = [each for each in listed if each["name"] == name]
    assert isinstance(queue, dict)
    return queue


@pytest.fixture
async def one_slot(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A service of its own with room for one job, whose worker may go."""
    async with open_service(stack, own_name, {"WARREN_SLOTS": "1"}) as service:
        yield service


async def test_a_busy_worker_and_then_none_at_all(one_slot: Service) -> None:
    service = one_slot
    busy = await service.submit("try.double", {"number": 1, "seconds": 300})
    behind = await service.submit("try.double", {"number": 2})

    async def is_behind() -> bool:
        return codes(await why(service, behind)) == ["no-free-slot"]

    await eventually(is_behind, within=15)
    assert (await why(service, behind))["queue"]["workers_with_task"] != []
    await service.http.post(f"/v1/jobs/{busy['id']}/cancel", headers={"Prefer": "wait=20"})
    assert (await service.end_of(behind["id"]))["status"] == "succeeded"
    await drained(service)
    late = await service.submit("try.double", {"number": 3})
    told = await why(service, late)
    assert codes(told) == ["no-worker"]
    assert "take no more jobs" in told["summary"]
    await stopped(service)
    assert codes(await why(service, late)) == ["no-worker"]
    other = replace(
        service, worker=make_worker(service.stack, environment=service.environment, name="another")
    )
    await other.worker.start()
    try:
        assert (await service.end_of(late["id"]))["result"] == 6
    finally:
        await other.worker.close(in_good_order=False)


async def drained(service: Service) -> None:
    """Let the only worker take no more jobs."""
    [worker] = (await service.http.get("/v1/workers")).json()["workers"]
    path = f"/v1/workers/{worker['id']}/drain"
    for _ in range(2):
        answer = await service.http.post(path)
        assert (answer.status_code, answer.json()["state"]) == (202, "draining")
    assert (await service.http.post("/v1/workers/no-such/drain")).status_code == 404


async def stopped(service: Service) -> None:
    """End the drained worker, and see it gone."""
    [worker] = (await service.http.get("/v1/workers")).json()["workers"]
    await service.worker.stop()

    async def gone() -> bool:
        rows = (await service.http.get("/v1/workers", params={"gone": True})).json()["workers"]
        return [each["state"] for each in rows] == ["stopped"]

    await eventually(gone, within=20)
    answer = await service.http.post(f"/v1/workers/{worker['id']}/drain")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/worker-gone")
