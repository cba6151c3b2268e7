"""Answers that need not be worked out twice: `cache` on a submission, and on a task."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.eventually import eventually
from tests.journeys.service import Service
from tests.journeys.tasks import noted

Document = dict[str, Any]


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    """Where the task notes each run."""
    path = tmp_path / "ledger"
    path.touch()
    return str(path)


async def submitted(service: Service, given: Document, *, wait: float = 10, **fields: Any) -> Any:
    """Submit and wait for the end; return the answer."""
    body = {"task": "try.double", "input": given, **fields}
    return await service.http.post("/v1/jobs", json=body, headers={"Prefer": f"wait={wait:g}"})


async def test_an_equal_call_gets_the_stored_result(service: Service, ledger: str) -> None:
    given = {"number": 4, "ledger": ledger}
    first = (await submitted(service, given, cache={"ttl_s": 60})).json()
    turned = {"ledger": ledger, "number": 4}
    answer = await service.http.post(
        "/v1/jobs", json={"task": "try.double", "input": turned, "cache": {"ttl_s": 60}}
    )
    again = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (200, f"/v1/jobs/{first['id']}")
    assert (first["cache"], again["cache"], again["result"]) == ("miss", "hit", 8)
    assert (again["id"], noted(ledger)) == (first["id"], 1)
    other = (await submitted(service, {**given, "number": 5}, cache={"ttl_s": 60})).json()
    plain = (await submitted(service, given)).json()
    assert (other["cache"], plain["cache"], noted(ledger)) == ("miss", None, 3)


async def test_a_thousand_equal_submissions_at_once_run_once(service: Service, ledger: str) -> None:
    body = {
        "task": "try.double",
        "input": {"number": 21, "ledger": ledger, "seconds": 0.5},
        "cache": {"ttl_s": 60},
    }
    answers = await asyncio.gather(
        *(
            service.http.post("/v1/jobs", json=body, headers={"Prefer": "wait=20"})
            for _ in range(300)
        )
    )
    bulk = await service.http.post("/v1/jobs/bulk", json=[body] * 700)
    assert {answer.status_code for answer in answers} == {200}
    jobs = [answer.json() for answer in answers]
    assert {(job["id"], job["result"]) for job in jobs} == {(jobs[0]["id"], 42)}
    assert sorted({job["cache"] for job in jobs}) in (["joined", "miss"], ["hit", "joined", "miss"])
    assert [job["cache"] for job in jobs].count("miss") == 1
    items = bulk.json()["items"]
    assert {item["id"] for item in items} == {jobs[0]["id"]}
    assert {item["cache"] for item in items} == {"hit"}
    assert noted(ledger) == 1


async def test_equal_items_of_one_bulk_request_run_once(service: Service, ledger: str) -> None:
    given = {"number": 8, "ledger": ledger, "seconds": 3}  # longer than the request takes
    body = {"task": "try.double", "input": given, "cache": {"ttl_s": 9}}
    plain = {"task": "try.double", "input": {"number": 1}}
    answer = (await service.http.post("/v1/jobs/bulk", json=[body] * 500 + [plain])).json()
    cached, other = answer["items"][:500], answer["items"][500]
    assert (answer["accepted"], answer["refused"], "cache" in other) == (501, 0, False)
    assert sorted(item["cache"] for item in cached) == ["joined"] * 499 + ["miss"]
    await service.end_of(cached[0]["id"])
    assert ({item["id"] for item in cached}, noted(ledger)) == ({cached[0]["id"]}, 1)


async def test_a_task_may_say_how_its_calls_are_cached(service: Service, ledger: str) -> None:
    given = {"shop": "north", "item": "tea", "ledger": ledger}
    first = await service.run("try.price", given)
    answer = await service.http.post(
        "/v1/tasks/try.price/jobs", json={**given, "hint": "not a part of the key"}
    )
    assert (answer.status_code, answer.json()["cache"]) == (200, "hit")
    assert answer.json()["id"] == first["id"]
    body = {"task": "try.price", "input": given, "cache": None}
    unasked = await service.http.post("/v1/jobs", json=body)
    assert unasked.json()["cache"] is None
    await service.end_of(unasked.json()["id"])
    catalogue = (await service.http.get("/v1/tasks/try.price")).json()
    assert catalogue["cache"]["key"] == "{shop}/{item}"


async def test_results_can_be_forgotten_by_task_and_key_by_call_and_by_tag(
    service: Service, ledger: str
) -> None:
    async def of(shop: str) -> Document:
        given = {"shop": shop, "item": "salt", "ledger": ledger}
        body = {"task": "try.price", "input": given, "tags": [f"shop-{shop}"]}
        answer = await service.http.post("/v1/jobs", json=body, headers={"Prefer": "wait=10"})
        job: Document = answer.json()
        return job

    async def forget(**what: Any) -> int:
        answer = await service.http.post("/v1/cache/invalidate", json=what)
        assert answer.status_code == 200, answer.text
        forgotten: int = answer.json()["forgotten"]
        return forgotten

    south, west = await of("south"), await of("west")
    assert await forget(task="try.price", key="south/salt") == 1
    assert (await of("south"))["cache"] == "miss"
    assert (await of("west"))["id"] == west["id"]
    assert await forget(tag="shop-west") == 1
    assert await forget(tag="shop-west", task="try.double") == 0
    given = {"shop": "south", "item": "salt", "ledger": "elsewhere"}
    assert await forget(task="try.price", input=given) == 1
    assert (await of("south"))["id"] != south["id"]
    assert await forget(task="try.price") >= 1
    assert (await service.http.post("/v1/cache/invalidate", json={})).status_code == 422
    only_key = await service.http.post("/v1/cache/invalidate", json={"key": "south/salt"})
    assert only_key.json()["errors"][0]["pointer"] == "/task"


async def test_an_old_result_is_the_answer_while_a_run_makes_a_new_one(
    service: Service, ledger: str
) -> None:
    given = {"number": 2, "ledger": ledger, "seconds": 0.3}
    old = (await submitted(service, given, cache={"ttl_s": 60})).json()
    fresh: Document = {"ttl_s": 0, "stale_s": 600}
    answer = await submitted(service, given, cache=fresh)
    assert (answer.status_code, answer.json()["cache"]) == (200, "stale")
    assert answer.json()["id"] == old["id"]
    meanwhile = (await submitted(service, given, cache=fresh)).json()
    assert (meanwhile["cache"], meanwhile["id"]) == ("stale", old["id"])
    joined = (await submitted(service, given, cache={"ttl_s": 0})).json()
    assert joined["cache"] == "joined"

    async def renewed() -> bool:
        job = (await submitted(service, given, cache={"ttl_s": 60})).json()
        return bool(job["cache"] == "hit" and job["id"] != old["id"])

    await eventually(renewed)
    assert noted(ledger) == 2


async def test_a_failure_is_an_answer_only_if_that_was_asked_for(service: Service) -> None:
    body = {"task": "try.misbehaves", "input": {"how": "gives-up"}, "cache": {"ttl_s": 60}}
    waiting = {"Prefer": "wait=10"}
    first = (await service.http.post("/v1/jobs", json=body, headers=waiting)).json()
    second = (await service.http.post("/v1/jobs", json=body, headers=waiting)).json()
    assert (first["status"], second["cache"]) == ("failed", "miss")
    asked = {**body, "cache": {"ttl_s": 60, "failures": True}}
    third = (await service.http.post("/v1/jobs", json=asked)).json()
    assert (third["id"], third["cache"]) == (second["id"], "hit")


async def test_a_repeated_request_gets_its_first_answer_though_the_job_is_anothers(
    service: Service, ledger: str
) -> None:
    given = {"number": 3, "ledger": ledger}
    first = (await submitted(service, given, cache={"ttl_s": 60})).json()
    body = {"task": "try.double", "input": given, "cache": {"ttl_s": 60}}
    headers = {"Idempotency-Key": f"again-{first['id']}"}
    hit = (await service.http.post("/v1/jobs", json=body, headers=headers)).json()
    await service.http.post("/v1/cache/invalidate", json={"task": "try.double", "input": given})
    replay = await service.http.post("/v1/jobs", json=body, headers=headers)
    assert replay.headers["idempotency-replayed"] == "true"
    assert (replay.json()["id"], replay.json()["cache"]) == (first["id"], hit["cache"])


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("cache", {}, "/cache/ttl_s"),
        ("cache", {"ttl_s": -1}, "/cache/ttl_s"),
        ("cache", {"ttl_s": 1, "key": ""}, "/cache/key"),
        ("cache", {"ttl_s": 1, "for": 1}, "/cache/for"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    service: Service, field: str, value: Any, pointer: str
) -> None:
    body = {"task": "try.double", "input": {"number": 1}, field: value}
    answer = await service.http.post("/v1/jobs", content=json.dumps(body), headers=_JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


_JSON = {"Content-Type": "application/json"}
