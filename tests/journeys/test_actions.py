"""The same for many jobs: what would happen, then that it happens, and to nothing else."""

from typing import Any
from uuid import uuid4

from tests.eventually import eventually
from tests.journeys.service import Document, Service


async def act(service: Service, **action: Any) -> Document:
    answer = await service.http.post("/v1/actions", json=action, timeout=60)
    assert answer.status_code == 200, answer.text
    told: Document = answer.json()
    return told


async def many(service: Service, count: int, **fields: Any) -> list[str]:
    given = [{"task": "try.double", "input": {"number": 1}, **fields} for _ in range(count)]
    answer = await service.http.post("/v1/jobs/bulk", json=given, timeout=60)
    return [item["id"] for item in answer.json()["items"]]


async def statuses(service: Service, tag: str) -> set[str]:
    listed = await service.http.get("/v1/jobs", params={"tag": tag, "page_size": 500})
    return {job["status"] for job in listed.json()["jobs"]}


async def test_a_dry_run_tells_and_then_all_that_match_are_cancelled(service: Service) -> None:
    tag = uuid4().hex
    await many(service, 1200, delay_s=3600, tags=[tag])
    await many(service, 1, delay_s=3600, tags=["bystander"])
    meant = {"action": "cancel", "filter": {"tag": tag}}
    dry = await act(service, **meant, dry_run=True)
    assert (dry["matched"], dry["done"], dry["dry_run"], dry["more"]) == (1200, 1200, True, False)
    assert await statuses(service, tag) == {"waiting"}
    told = await act(service, **meant)
    assert (told["matched"], told["done"], told["refused"]) == (1200, 1200, 0)
    assert await statuses(service, tag) == {"cancelled"}
    assert await statuses(service, "bystander") == {"waiting"}
    assert (await act(service, **meant))["matched"] == 0
    await act(service, action="cancel", filter={"tag": "bystander"})


async def test_failed_jobs_of_a_task_run_again_and_others_do_not(service: Service) -> None:
    tag = uuid4().hex
    fields: Document = {"tags": [tag], "retry": {"max_attempts": 1}}
    failed = [await service.run("try.picky", {"what": "OSError"}, **fields) for _ in range(3)]
    fine = await service.run("try.double", {"number": 1}, tags=[tag])
    told = await act(service, action="retry", filter={"tag": tag, "status": "failed"})
    assert (told["matched"], told["done"]) == (3, 3)
    for job in failed:
        assert (await service.end_of(job["id"]))["attempt"] == 2
    assert (await service.end_of(fine["id"]))["attempt"] == 1


async def test_deleted_jobs_are_gone_with_their_logs_and_answer_410(service: Service) -> None:
    job = await service.run("try.steps", {"count": 1})
    told = await act(service, action="delete", ids=[job["id"]])
    assert told["done"] == 1
    for path in ("", "/result", "/events", "/logs", "/why"):
        answer = await service.http.get(f"/v1/jobs/{job['id']}{path}")
        expected = (410, "/problems/job-expired-from-history")
        assert (answer.status_code, answer.json()["type"]) == expected
    for verb in ("cancel", "retry"):
        assert (await service.http.post(f"/v1/jobs/{job['id']}/{verb}")).status_code == 410
    assert await service.database.job_logs.count_documents({"job_id": job["id"]}) == 0


async def test_named_jobs_are_counted_by_why_it_was_not_done_to_them(service: Service) -> None:
    [waiting] = await many(service, 1, delay_s=3600)
    done = await service.run("try.double", {"number": 1})
    ids = [waiting, done["id"], "0199f3a2-7c41-7d0e-9b3a-5f6d2c8e1a47"]
    told = await act(service, action="cancel", ids=ids)
    assert (told["matched"], told["done"], told["refused"]) == (3, 1, 2)
    assert told["reasons"] == {"already-finished": 1, "not-found": 1}

    async def settled() -> bool:
        dry = await act(service, action="delete", ids=[waiting], dry_run=True)
        return bool(dry["done"])

    await eventually(settled, within=30)  # the keeper does the follow-ups of the cancel
    assert (await act(service, action="delete", ids=ids))["done"] == 2


async def test_running_jobs_are_asked_to_stop_together(service: Service) -> None:
    tag = uuid4().hex
    for n in range(5):
        await service.submit("try.double", {"number": n, "seconds": 60}, tags=[tag])

    async def all_run() -> bool:
        return await statuses(service, tag) == {"running"}

    await eventually(all_run, within=15)
    told = await act(service, action="cancel", filter={"tag": tag, "status": ["running"]})
    assert told["done"] == 5

    async def all_cancelled() -> bool:
        return await statuses(service, tag) == {"cancelled"}

    await eventually(all_cancelled, within=15)


async def test_an_action_on_everything_by_mistake_is_refused(service: Service) -> None:
    nothing: list[Document] = [{}, {"filter": {}}, {"filter": {"status": []}}, {"ids": []}]
    for which in nothing:
        answer = await service.http.post("/v1/actions", json={"action": "delete", **which})
        assert answer.status_code == 422


async def test_an_action_with_a_key_is_done_once(service: Service) -> None:
    job = await service.run("try.double", {"number": 1})
    key = {"Idempotency-Key": f"action-{job['id']}"}
    body = {"action": "retry", "ids": [job["id"]]}
    first = await service.http.post("/v1/actions", json=body, headers=key)
    await service.end_of(job["id"])
    again = await service.http.post("/v1/actions", json=body, headers=key)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert (await service.end_of(job["id"]))["attempt"] == 2
