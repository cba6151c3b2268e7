"""The main journey: a job goes in over HTTP, runs, is remembered, and its end is pushed."""

import asyncio

import pytest

from tests.journeys.service import Service
from warren import AsyncClient


async def test_a_submitted_job_answers_202_and_ends_with_its_result(service: Service) -> None:
    answer = await service.http.post(
        "/v1/jobs", json={"task": "math.add", "input": {"x": 1, "y": 2}}
    )

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    assert answer.headers["etag"] == '"v1"'
    assert "retry-after" in answer.headers
    ended = await service.end_of(answer.json()["id"])
    assert (ended["status"], ended["result"], ended["error"]) == ("succeeded", 3, None)
    assert ended["attempt"] == 1


async def test_prefer_wait_answers_200_with_the_end(service: Service) -> None:
    answer = await service.http.post(
        "/v1/jobs",
        json={"task": "math.add", "input": {"x": 20, "y": 22}},
        headers={"Prefer": "respond-async, wait=10"},
    )

    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.json()["result"] == 42


async def test_prefer_wait_answers_202_if_the_job_takes_longer(service: Service) -> None:
    answer = await service.http.post(
        "/v1/jobs",
        json={"task": "try.double", "input": {"number": 1, "seconds": 3}},
        headers={"Prefer": "wait=1"},
    )

    assert answer.status_code == 202
    assert answer.json()["status"] in ("queued", "running")


async def test_a_task_has_an_address_of_its_own(service: Service) -> None:
    answer = await service.http.post(
        "/v1/tasks/math.add/jobs?priority=7&tags=a&tags=b&queue=math", json={"x": 2, "y": 2}
    )

    assert answer.status_code == 202
    job = answer.json()
    assert (job["priority"], job["tags"], job["queue"]) == (7, ["a", "b"], "math")
    assert (await service.end_of(job["id"]))["result"] == 4


@pytest.mark.parametrize("task", ["try.double", "try.threaded", "try.process"])
async def test_a_task_runs_on_the_loop_in_a_thread_or_in_a_process(
    service: Service, task: str
) -> None:
    ended = await service.run(task, {"number": 21})

    assert (ended["status"], ended["result"]) == ("succeeded", 42)


async def test_an_unchanged_job_answers_304(service: Service) -> None:
    job = await service.run("math.add", {"x": 1, "y": 1})

    tag = f'"v{job["version"]}"'
    again = await service.http.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": tag})
    other = await service.http.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": '"v0"'})

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200
    assert other.headers["etag"] == tag


async def test_the_bare_result_is_202_until_there_is_one(service: Service) -> None:
    job = await service.submit("try.double", {"number": 4, "seconds": 0.5})

    early = await service.http.get(f"/v1/jobs/{job['id']}/result")
    await service.end_of(job["id"])
    late = await service.http.get(f"/v1/jobs/{job['id']}/result")

    assert early.status_code == 202
    assert (late.status_code, late.json()) == (200, 8)


async def test_the_result_of_a_failed_job_is_409_with_its_error(service: Service) -> None:
    job = await service.run("try.misbehaves", {"how": "gives-up"})

    answer = await service.http.get(f"/v1/jobs/{job['id']}/result")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"]["type"] == "GiveUp"
    assert answer.json()["error"]["retryable"] is False


async def test_progress_and_logs_of_a_running_job_are_seen(service: Service) -> None:
    job = await service.submit("try.steps", {"count": 4})
    seen = []
    for _ in range(100):
        now = (await service.http.get(f"/v1/jobs/{job['id']}")).json()
        seen.append(now["progress"])
        if now["done"]:
            break
        await asyncio.sleep(0.05)

    ended = await service.end_of(job["id"])
    logs = (await service.http.get(f"/v1/jobs/{job['id']}/logs")).json()["lines"]

    assert any(progress and 0 < progress["current"] < 4 for progress in seen)
    assert ended["result"] == "done"
    assert [line["fields"]["step"] for line in logs] == [1, 2, 3, 4]


async def test_a_list_pages_through_the_jobs_of_a_tag_newest_first(service: Service) -> None:
    ids = [
        (await service.submit("math.add", {"x": n, "y": n}, tags=["paged"]))["id"] for n in range(7)
    ]

    first = (await service.http.get("/v1/jobs?tag=paged&page_size=4")).json()
    token = first["next_page_token"]
    second = (await service.http.get(f"/v1/jobs?tag=paged&page_size=4&page_token={token}")).json()
    foreign = await service.http.get(f"/v1/jobs?tag=other&page_token={token}")

    assert [job["id"] for job in first["jobs"] + second["jobs"]] == ids[::-1]
    assert second["next_page_token"] is None
    assert (foreign.status_code, foreign.json()["type"]) == (400, "/problems/invalid-page-token")


async def test_bulk_accepts_the_good_and_names_the_bad(service: Service) -> None:
    lines = b'{"task":"math.add","input":{"x":1,"y":1}}\n{"task":"nope"}\n{oops\n' + (
        b'{"task":"math.add","input":{"x":"1","y":1}}\n\n{"task":"math.add","input":{"x":2,"y":2}}'
    )

    answer = await service.http.post(
        "/v1/jobs/bulk", content=lines, headers={"Content-Type": "application/jsonl"}
    )

    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (2, 3)
    slugs = [item.get("problem", {}).get("type", "") for item in body["items"]]
    assert slugs == [
        "",
        "/problems/unknown-task",
        "/problems/malformed-request",
        "/problems/invalid-input",
        "",
    ]
    assert (await service.end_of(body["items"][-1]["id"]))["result"] == 4


async def test_an_idempotency_key_makes_one_job_of_many_requests(service: Service) -> None:
    async def post(number: int) -> tuple[int, str | None, str | None]:
        answer = await service.http.post(
            "/v1/jobs",
            json={"task": "math.add", "input": {"x": number, "y": 1}},
            headers={"Idempotency-Key": "order-7"},
        )
        replayed = answer.headers.get("idempotency-replayed")
        return answer.status_code, answer.json().get("id"), replayed

    answers = await asyncio.gather(*(post(1) for _ in range(20)))
    mismatch = await post(2)
    jobs = {job_id for _, job_id, _ in answers if job_id}

    assert len(jobs) == 1
    assert {status for status, _, _ in answers} <= {200, 202, 409}
    # In trouble a first answer may get lost: who repeats it is then told as if for the first time.
    assert None in [replayed for status, _, replayed in answers if status != 409]
    assert mismatch[0] == 422


async def test_the_timeline_of_a_job_is_kept(service: Service) -> None:
    job = await service.run("math.add", {"x": 1, "y": 1})

    events = (await service.http.get(f"/v1/jobs/{job['id']}/events")).json()["events"]

    assert [each["event"] for each in events] == ["job.queued", "job.running", "job.succeeded"]


async def test_the_sdk_speaks_to_the_real_service(service: Service) -> None:
    async with AsyncClient(service.gateway.url) as client:
        handle = await client.submit("math.add", {"x": 40, "y": 2})

        assert await handle.get(timeout=20) == 42
        assert [change.job.status async for change in client.watch(handle.id)][-1] == "succeeded"
