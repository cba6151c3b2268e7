"""Cancelling, as its callers see it: one outcome, and whoever asked learns which."""

import asyncio

from tests.eventually import eventually
from tests.journeys.service import Service
from tests.journeys.watcher import watcher

FAR = "2199-01-01T00:00:00Z"
WAITS = {"Prefer": "wait=20"}


async def test_a_waiting_job_is_cancelled_at_once_and_may_be_again(service: Service) -> None:
    job = await service.submit("try.double", {"number": 1}, run_at=FAR)
    for _ in range(2):
        answer = await service.http.post(f"/v1/jobs/{job['id']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    ended = answer.json()
    assert (ended["waiting_for"], ended["done"], ended["error"]) == ([], True, None)
    result = await service.http.get(f"/v1/jobs/{job['id']}/result")
    assert (result.status_code, result.json()["job_status"]) == (409, "cancelled")


async def test_a_queued_job_is_cancelled_at_once_and_never_runs(service: Service) -> None:
    job = await service.submit("try.double", {"number": 1}, queue="nobody-listens")
    answer = await service.http.post(f"/v1/jobs/{job['id']}/cancel", json={})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["attempts"] == []


async def test_a_running_job_is_asked_and_whoever_waits_sees_what_comes(service: Service) -> None:
    job = await running(service, "try.double", seconds=60)
    answer = await service.http.post(f"/v1/jobs/{job}/cancel", headers=WAITS)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.json()["cancel_asked_at"] is not None
    [attempt] = answer.json()["attempts"]
    assert (attempt["outcome"], attempt["duration_s"] < 20) == ("cancelled", True)
    timeline = (await service.http.get(f"/v1/jobs/{job}/events")).json()["events"]
    assert [each["event"] for each in timeline][-2:] == ["job.cancelling", "job.cancelled"]


async def test_without_waiting_the_answer_says_that_it_was_asked(service: Service) -> None:
    job = await running(service, "try.double", seconds=60)
    answer = await service.http.post(f"/v1/jobs/{job}/cancel")
    assert answer.status_code == 202 or answer.json()["status"] == "cancelled"
    assert (await service.end_of(job))["status"] == "cancelled"


async def test_a_thread_that_never_looks_keeps_its_end_and_the_caller_learns_it(
    service: Service,
) -> None:
    job = await running(service, "try.threaded", seconds=2)
    answer = await service.http.post(f"/v1/jobs/{job}/cancel", headers=WAITS)
    assert (answer.status_code, answer.json()["job_status"]) == (409, "succeeded")
    assert answer.json()["type"] == "/problems/already-finished"


async def test_an_ended_job_cannot_be_cancelled(service: Service) -> None:
    job = await service.run("try.double", {"number": 1})
    answer = await service.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/already-finished")
    assert (await service.end_of(job["id"]))["result"] == 2


async def test_cancel_and_completion_race_to_one_outcome(service: Service) -> None:
    jobs = [
        (await service.submit("try.double", {"number": n, "seconds": 0.05}))["id"]
        for n in range(60)
    ]
    answers = await asyncio.gather(
        *(service.http.post(f"/v1/jobs/{job}/cancel", headers=WAITS) for job in jobs)
    )
    for job, answer in zip(jobs, answers, strict=True):
        ended = await service.end_of(job)
        told = answer.json()
        if answer.status_code == 200:
            assert (told["status"], ended["status"]) == ("cancelled", "cancelled")
            assert ended["result"] is None
        else:
            assert (answer.status_code, told["job_status"]) == (409, ended["status"])
            assert ended["result"] is not None


async def test_a_subscriber_is_told_of_the_end(service: Service) -> None:
    job = await service.submit("try.double", {"number": 1}, run_at=FAR)
    async with watcher(service.gateway.websocket_url) as client:
        await client.say(type="subscribe", id="s", job=job["id"])
        assert (await client.hear())["event"] == "job.waiting"
        await service.http.post(f"/v1/jobs/{job['id']}/cancel")
        await client.hear_until("complete", "s")
    assert client.events_of("s")[-1] == "job.cancelled"


async def test_a_repeated_request_with_a_key_gets_the_first_answer(service: Service) -> None:
    job = await service.submit("try.double", {"number": 1}, run_at=FAR)
    key = {"Idempotency-Key": f"cancel-{job['id']}"}
    first = await service.http.post(f"/v1/jobs/{job['id']}/cancel", headers=key)
    await service.http.post(f"/v1/jobs/{job['id']}/retry")
    again = await service.http.post(f"/v1/jobs/{job['id']}/cancel", headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()


async def test_what_is_not_there_cannot_be_cancelled(service: Service) -> None:
    answer = await service.http.post("/v1/jobs/0199f3a2-7c41-7d0e-9b3a-5f6d2c8e1a47/cancel")
    assert answer.status_code == 404
    job = await service.submit("try.double", {"number": 1}, run_at=FAR)
    refused = await service.http.post(f"/v1/jobs/{job['id']}/cancel", json={"why": "because"})
    assert refused.json()["errors"] == [{"pointer": "/why", "message": "there is no such field"}]


async def running(service: Service, task: str, *, seconds: float) -> str:
    """Submit a job and return its id once it runs."""
    job = await service.submit(task, {"number": 1, "seconds": seconds})

    async def runs() -> bool:
        answer = await service.http.get(f"/v1/jobs/{job['id']}")
        return bool(answer.json()["status"] == "running")

    await eventually(runs, within=15)
    job_id: str = job["id"]
    return job_id
