"""Jobs for later: they wait visibly, run in time, expire in time, and say all of it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.journeys.service import Document, Service
from tests.journeys.watcher import watcher

FAR = "2199-01-01T00:00:00Z"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def lateness(job: Document) -> float:
    """Seconds between when a job was to run and when it was runnable."""
    return (instant(job["queued_at"]) - instant(job["run_at"])).total_seconds()


async def test_a_job_for_later_waits_and_runs_in_time(service: Service) -> None:
    job = await service.submit("try.double", {"number": 2}, delay_s=1)
    [gate] = job["waiting_for"]
    assert (job["status"], job["queued_at"], gate["because"]) == ("waiting", None, "schedule")
    assert gate["until"] == job["run_at"]
    ended = await service.end_of(job["id"])
    assert ended["result"] == 4
    assert 0 <= lateness(ended) < 0.5


async def test_a_job_may_be_for_a_moment_from_now(service: Service) -> None:
    for delay in (0.01, 0.1, 0.3):
        job = await service.run("try.double", {"number": 1}, delay_s=delay)
        assert 0 <= lateness(job) < 0.5


async def test_a_time_that_has_passed_means_now(service: Service) -> None:
    job = await service.submit("try.double", {"number": 2}, run_at="2001-01-01T00:00:00Z")
    assert job["status"] == "queued"
    assert (await service.end_of(job["id"]))["status"] == "succeeded"


async def test_many_jobs_that_are_due_together_all_run(service: Service) -> None:
    run_at = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    given = [
        {"task": "try.double", "input": {"number": n}, "run_at": run_at, "tags": ["together"]}
        for n in range(300)
    ]
    answer = (await service.http.post("/v1/jobs/bulk", json=given)).json()
    assert answer["accepted"] == 300
    ended = [await service.end_of(item["id"]) for item in answer["items"]]
    assert [job["result"] for job in ended] == [2 * n for n in range(300)]
    assert all(lateness(job) >= 0 for job in ended)


async def test_options_of_a_typed_submission_are_query_parameters(service: Service) -> None:
    answer = await service.http.post(
        "/v1/tasks/try.double/jobs",
        params={"delay_s": 0.2, "retry.max_attempts": 4, "retry.jitter": "false", "priority": 7},
        json={"number": 3},
    )
    job = answer.json()
    assert (answer.status_code, job["status"]) == (202, "waiting")
    assert (job["max_attempts"], job["priority"]) == (4, 7)
    assert (await service.end_of(job["id"]))["result"] == 6
    refused = await service.http.post(
        "/v1/tasks/try.double/jobs", params={"retry": '{"max_attempts":4}'}, json={"number": 3}
    )
    assert refused.json()["errors"][0]["pointer"] == "/retry"


async def test_a_job_that_waits_past_its_expiry_expires(service: Service) -> None:
    fields = {"queue": "nobody-listens", "expires_in_s": 0.3}
    job = await service.submit("try.double", {"number": 2}, **fields)
    ended = await service.end_of(job["id"])
    assert (ended["status"], ended["attempt"], ended["result"]) == ("expired", 0, None)
    timeline = (await service.http.get(f"/v1/jobs/{job['id']}/events")).json()["events"]
    assert [each["event"] for each in timeline] == ["job.queued", "job.expired"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"run_at": FAR, "delay_s": 1}, "/delay_s"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
        ({"run_at": FAR, "expires_in_s": 1}, "/expires_in_s"),
        ({"run_at": "tomorrow"}, "/run_at"),
        ({"soft_timeout_s": 9, "timeout_s": 9}, "/soft_timeout_s"),
        ({"retry": {"max_attempts": 0}}, "/retry/max_attempts"),
    ],
)
async def test_times_that_contradict_themselves_are_refused(
    service: Service, fields: Document, pointer: str
) -> None:
    body = {"task": "try.double", "input": {"number": 1}, **fields}
    refused = await service.http.post("/v1/jobs", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_subscriber_sees_a_job_wait_fail_wait_again_and_succeed(service: Service) -> None:
    policy = {"max_attempts": 2, "backoff_s": 1, "jitter": False}
    job = await service.submit("try.flaky", {"failures": 1}, delay_s=1, retry=policy)
    async with watcher(service.gateway.websocket_url) as client:
        await client.say(type="subscribe", id="s", job=job["id"])
        await client.hear_until("complete", "s")
    events = client.events_of("s")
    assert (events[0], events[-1]) == ("job.waiting", "job.succeeded")
    assert "job.retrying" in events


async def test_jobs_are_listed_by_the_schedule_that_submitted_them(service: Service) -> None:
    listed = await service.http.get("/v1/jobs", params={"schedule_id": "none-of-this-name"})
    assert (listed.status_code, listed.json()["jobs"]) == (200, [])
    listed = await service.http.get("/v1/jobs", params={"workflow_id": "none-of-this-name"})
    assert (listed.status_code, listed.json()["jobs"]) == (200, [])


async def test_jobs_of_several_statuses_are_listed_together(service: Service) -> None:
    waiting = await service.submit("try.double", {"number": 1}, run_at=FAR, tags=["two"])
    done = await service.run("try.double", {"number": 1}, tags=["two"])
    asked = {"status": ["waiting", "succeeded"], "tag": "two"}
    listed = (await service.http.get("/v1/jobs", params=asked)).json()["jobs"]
    assert {job["id"] for job in listed} == {waiting["id"], done["id"]}
    await service.http.post(f"/v1/jobs/{waiting['id']}/cancel")
