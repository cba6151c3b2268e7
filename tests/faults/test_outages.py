"""RabbitMQ and MongoDB come and go; the service answers meanwhile and resumes unaided."""

import time

import httpx2
import pytest

from tests.conformance.trouble import LOST_PRIMARY
from tests.eventually import eventually
from tests.journeys.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_without_rabbitmq_jobs_are_accepted_and_run_when_it_returns(
    breakable: Service,
) -> None:
    await breakable.stack.rabbit.stop()
    took = []
    ids = []
    for number in range(30):
        began = time.perf_counter()
        ids.append((await breakable.submit("math.add", {"x": number, "y": 0}))["id"])
        took.append(time.perf_counter() - began)
    ready = await breakable.http.get("/healthz/ready")

    await breakable.stack.rabbit.start()

    assert (ready.status_code, ready.json()["checks"]["rabbitmq"]) == (200, False)
    assert sorted(took)[-2] < 1
    for number, job_id in enumerate(ids):
        assert (await breakable.end_of(job_id, within=30))["result"] == number


async def test_a_running_job_is_not_run_twice_by_a_restart_of_rabbitmq(breakable: Service) -> None:
    job = await breakable.submit("try.double", {"number": 5, "seconds": 12})
    await _running(breakable, job["id"])

    await breakable.stack.rabbit.restart()

    ended = await breakable.end_of(job["id"], within=40)
    assert (ended["result"], ended["attempt"]) == (10, 1)
    stored = await breakable.database.jobs.find_one({"_id": job["id"]})
    assert stored is not None
    assert stored["starts"] == 1


async def test_a_broker_that_lost_everything_is_filled_again(breakable: Service) -> None:
    await breakable.run("math.add", {"x": 1, "y": 1})

    await breakable.stack.rabbit.wipe()

    ended = await breakable.end_of(
        (await breakable.submit("math.add", {"x": 2, "y": 2}))["id"], within=40
    )
    assert ended["result"] == 4


async def test_a_deleted_queue_does_not_leave_a_deaf_worker(breakable: Service) -> None:
    namespace = breakable.environment["WARREN_NAMESPACE"]

    await breakable.stack.rabbit.ctl("delete_queue", f"{namespace}.jobs.math")

    job = await breakable.submit("math.add", {"x": 3, "y": 3})
    assert (await breakable.end_of(job["id"], within=40))["result"] == 6


async def test_connections_closed_by_an_operator_come_back(breakable: Service) -> None:
    await breakable.stack.rabbit.ctl("close_all_connections", "a test")

    job = await breakable.submit("math.add", {"x": 4, "y": 4})

    assert (await breakable.end_of(job["id"], within=30))["result"] == 8


async def test_without_mongodb_submissions_answer_503_and_resume_with_it(
    breakable: Service,
) -> None:
    long = await breakable.submit("try.double", {"number": 1, "seconds": 1})
    await _running(breakable, long["id"])
    await breakable.stack.mongo.stop()
    began = time.perf_counter()

    answer = await breakable.http.post(
        "/v1/jobs", json={"task": "math.add", "input": {"x": 1, "y": 1}}, timeout=30
    )
    took = time.perf_counter() - began
    await breakable.stack.mongo.start()

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/store-unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert took < 12
    assert (await breakable.end_of(long["id"], within=60))["result"] == 2

    async def works_again() -> bool:
        given = {"task": "math.add", "input": {"x": 5, "y": 5}}
        again = await breakable.http.post("/v1/jobs", json=given, headers={"Prefer": "wait=10"})
        return again.status_code == 200 and again.json()["result"] == 10

    await eventually(works_again, within=40)


async def test_who_repeats_a_request_that_got_a_503_is_served_at_once(
    breakable: Service,
) -> None:
    """Its Idempotency-Key was reserved before MongoDB refused the job."""

    async def post() -> httpx2.Response:
        given = {"task": "math.add", "input": {"x": 5, "y": 6}}
        return await breakable.http.post("/v1/jobs", json=given, headers={"Idempotency-Key": "k"})

    admin = breakable.database.client.admin
    jobs = f"{breakable.database.name}.jobs"
    what = {"failCommands": ["insert"], "namespace": jobs, "errorCode": LOST_PRIMARY}
    await admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": what})
    try:
        first = await post()
    finally:
        await admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    again = await post()
    assert (first.status_code, again.status_code) == (503, 202), again.text
    assert (await breakable.end_of(again.json()["id"]))["result"] == 11


async def _running(service: Service, job_id: str) -> None:
    async def runs() -> bool:
        job = (await service.http.get(f"/v1/jobs/{job_id}")).json()
        return bool(job["status"] == "running")

    await eventually(runs, within=20)
