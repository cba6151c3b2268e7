"""One job where several equal ones were submitted: `unique`, `replace` and `debounce_s`."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.eventually import eventually
from tests.journeys.service import Service
from warren import AsyncClient

Document = dict[str, Any]


async def submitted(service: Service, given: Document, **fields: Any) -> tuple[int, Document]:
    """Submit a job; return the status of the answer and the job."""
    body = {"task": "try.double", "input": given, **fields}
    answer = await service.http.post("/v1/jobs", json=body)
    assert answer.status_code in (200, 202), answer.text
    return answer.status_code, answer.json()


def only_here(seconds: float = 0.3) -> Document:
    """Return an input that no other test has."""
    return {"number": uuid4().int % 10**9, "seconds": seconds}


async def test_while_a_unique_job_is_under_way_its_equals_are_answered_with_it(
    service: Service,
) -> None:
    given = only_here()
    answers = await asyncio.gather(*(submitted(service, given, unique={}) for _ in range(50)))
    assert {status for status, _ in answers} == {202}
    assert len({job["id"] for _, job in answers}) == 1
    assert sorted(job["unique"] for _, job in answers) == ["existing"] * 49 + ["new"]
    first = await service.end_of(answers[0][1]["id"])
    assert first["status"] == "succeeded"
    _, next_one = await submitted(service, given, unique={})
    assert next_one["unique"] == "new"
    assert next_one["id"] != first["id"]


async def test_it_may_count_beyond_its_success_and_be_known_by_other_things_than_its_input(
    service: Service,
) -> None:
    order = {"metadata": {"order": uuid4().hex, "at": 1}}
    unique: Document = {"for": "successful", "by": ["task", "metadata.order"]}
    _, first = await submitted(service, only_here(0), **order, unique=unique)
    await service.end_of(first["id"])
    order["metadata"]["at"] = 2
    status, again = await submitted(service, only_here(0), **order, unique=unique)
    assert (status, again["id"], again["unique"]) == (200, first["id"], "existing")
    assert again["result"] is not None


async def test_it_may_be_known_by_its_key(service: Service) -> None:
    customer, unique = uuid4().hex, {"for": 600, "by": ["task", "key"]}
    _, first = await submitted(service, only_here(0), key=customer, unique=unique)
    _, again = await submitted(service, only_here(0), key=[customer], unique=unique)
    _, other = await submitted(service, only_here(0), key=f"not-{customer}", unique=unique)
    assert (again["id"], again["unique"], other["unique"]) == (first["id"], "existing", "new")
    assert (await service.end_of(first["id"]))["status"] == "succeeded"


async def test_a_task_may_say_for_all_its_calls_that_they_are_unique_or_debounced(
    service: Service,
) -> None:
    shop, document = uuid4().hex, uuid4().hex
    async with AsyncClient(service.gateway.url) as client:
        first = await client.submit("try.report", {"shop": shop, "note": "1"})
        again = await client.submit("try.report", {"shop": shop, "note": "2"})
        assert (again.id, await again.get(timeout=20)) == (first.id, f"{shop} 1")
        texts = [
            await client.submit("try.index", {"document": document, "text": str(number)})
            for number in range(3)
        ]
        assert len({each.id for each in texts}) == 1
        assert await texts[0].get(timeout=20) == "2"
    given = {"task": "try.report", "input": {"shop": shop}, "unique": None}
    other = await service.http.post("/v1/jobs", json=given)
    assert (other.status_code, other.json()["unique"]) == (202, None)
    told = (await service.http.get("/v1/tasks/try.index")).json()
    assert (told["unique"]["by"], told["debounce_s"]) == (["task", "input.document"], 0.5)


async def test_it_may_count_for_some_seconds(service: Service) -> None:
    given = only_here(0)
    _, first = await submitted(service, given, unique={"for": 600})
    await service.end_of(first["id"])
    status, within = await submitted(service, given, unique={"for": 600})
    assert (status, within["id"]) == (200, first["id"])
    _, after = await submitted(service, given, unique={"for": 0.001})
    assert after["id"] != first["id"]


async def test_a_job_that_has_not_started_takes_over_the_fields_that_are_named(
    service: Service,
) -> None:
    key = {"metadata": {"report": uuid4().hex}}
    unique: Document = {"by": ["task", "metadata.report"], "replace": ["input", "tags", "run_at"]}
    _, first = await submitted(service, {"number": 1}, **key, unique=unique, delay_s=3600)
    fields = {**key, "unique": unique, "tags": ["late"], "priority": 9}
    status, second = await submitted(service, {"number": 2}, **fields, delay_s=1800)
    assert (status, second["unique"], second["id"]) == (202, "replaced", first["id"])
    assert (second["input"]["number"], second["tags"], second["priority"]) == (2, ["late"], 5)
    assert second["run_at"] < first["run_at"]
    _, now = await submitted(service, {"number": 3}, **fields)
    ended = await service.end_of(now["id"], within=10)
    assert (ended["id"], ended["result"]) == (first["id"], 6)


async def test_equal_submissions_put_off_a_debounced_job_which_runs_once_with_the_last_input(
    service: Service,
) -> None:
    fields: Document = {
        "metadata": {"cart": uuid4().hex},
        "unique": {"by": ["task", "metadata.cart"]},
        "debounce_s": 0.6,
    }
    answers = []
    for number in range(6):
        answers.append((await submitted(service, {"number": number}, **fields))[1])
        await asyncio.sleep(0.1)
    assert len({job["id"] for job in answers}) == 1
    assert [job["unique"] for job in answers] == ["new", *["debounced"] * 5]
    assert answers[0]["run_at"] < answers[-1]["run_at"]
    ended = await service.end_of(answers[0]["id"])
    assert (ended["result"], ended["attempt"]) == (10, 1)
    assert ended["started_at"] >= answers[-1]["run_at"]


async def test_a_stream_of_submissions_cannot_put_off_a_job_for_ever(service: Service) -> None:
    given = only_here(0)
    _, first = await submitted(service, given, debounce_s=0.5, debounce_max_s=1)

    async def ended() -> bool:
        _, job = await submitted(service, given, debounce_s=0.5, debounce_max_s=1)
        return bool(job["id"] != first["id"])

    await eventually(ended, within=15)
    assert (await service.end_of(first["id"]))["status"] == "succeeded"


async def test_an_ended_job_does_not_run_again_beside_an_equal_one(service: Service) -> None:
    given = only_here(1)
    _, first = await submitted(service, given, unique={})
    await service.http.post(f"/v1/jobs/{first['id']}/cancel", headers={"Prefer": "wait=10"})
    _, second = await submitted(service, given, unique={})
    assert second["id"] != first["id"]
    refused = await service.http.post(f"/v1/jobs/{first['id']}/retry")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/duplicate")
    assert refused.json()["job_id"] == second["id"]
    action = {"action": "retry", "ids": [first["id"]]}
    counts = (await service.http.post("/v1/actions", json=action)).json()
    assert (counts["done"], counts["refused"]) == (0, 1)
    await service.end_of(second["id"])
    again = await service.http.post(f"/v1/jobs/{first['id']}/retry")
    assert again.status_code == 202
    _, third = await submitted(service, given, unique={})
    assert (third["id"], third["unique"]) == (first["id"], "existing")
    counts = (await service.http.post("/v1/actions", json={**action, "ids": [second["id"]]})).json()
    assert counts["refused"] == 1


async def test_items_of_a_bulk_request_may_be_unique(service: Service) -> None:
    given = only_here()
    item = {"task": "try.double", "input": given, "unique": {}}
    answer = (await service.http.post("/v1/jobs/bulk", json=[item, item, item])).json()
    assert len({each["id"] for each in answer["items"]}) == 1
    assert sorted(each["unique"] for each in answer["items"]) == ["existing", "existing", "new"]


async def test_schedules_refuse_what_is_about_single_jobs(service: Service) -> None:
    body = {"task": "try.double", "input": {"number": 1}, "every_s": 60, "unique": {}}
    answer = await service.http.post("/v1/schedules", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/unique"
