"""Whatever comes in, the answer says what was wrong; nothing is stored and nothing crashes."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import aio_pika
import pytest

from tests.eventually import eventually
from tests.journeys.service import Service

JSON = {"Content-Type": "application/json"}


def body(**fields: Any) -> bytes:
    return json.dumps({"task": "math.add", "input": {"x": 1, "y": 2}, **fields}).encode()


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "malformed-request"),
    "half a body": (b'{"task": "math.add"', 400, "malformed-request"),
    "not UTF-8": (b'{"task": "\xff"}', 400, "malformed-request"),
    "NaN": (b'{"task":"math.add","input":{"x":NaN,"y":1}}', 400, "malformed-request"),
    "infinity": (b'{"task":"math.add","input":{"x":-Infinity,"y":1}}', 400, "malformed-request"),
    "a key twice": (b'{"task":"math.add","task":"nope"}', 400, "malformed-request"),
    "a lone surrogate": (b'{"task":"\\ud800"}', 400, "malformed-request"),
    "a NUL": (b'{"task":"a\\u0000b"}', 400, "malformed-request"),
    "a huge integer": (body()[:-1] + b',"metadata":{"n":' + b"9" * 400 + b"}}", 400, ""),
    "a number beyond a double": (b'{"task":"math.add","metadata":{"n":1e999}}', 400, ""),
    "deep arrays": (b"[" * 5000 + b"]" * 5000, 400, "malformed-request"),
    "deep objects": (b'{"a":' * 900 + b"1" + b"}" * 900, 400, "malformed-request"),
    "an array": (b"[]", 422, "invalid-input"),
    "a string": (b'"math.add"', 422, "invalid-input"),
    "no task": (b"{}", 422, "invalid-input"),
    "a task that is a number": (b'{"task":1}', 422, "invalid-input"),
    "an unknown task": (b'{"task":"no.such"}', 404, "unknown-task"),
    "an unknown field": (body(colour="red"), 422, "invalid-input"),
    "a field of later versions": (body(webhook={"url": "http://a.b"}), 422, "invalid-input"),
    "a field that is ours to set": (body(status="succeeded"), 422, "invalid-input"),
    "input that is a list": (body(input=[1, 2]), 422, "invalid-input"),
    "input that misses a field": (body(input={"x": 1}), 422, "invalid-input"),
    "input with a wrong type": (body(input={"x": "1", "y": 2}), 422, "invalid-input"),
    "input with a field too many": (body(input={"x": 1, "y": 2, "z": 3}), 422, "invalid-input"),
    "priority 10": (body(priority=10), 422, "invalid-input"),
    "priority true": (body(priority=True), 422, "invalid-input"),
    "a negative timeout": (body(timeout_s=-1), 422, "invalid-input"),
    "a queue with a bad name": (body(queue="a queue*"), 422, "invalid-input"),
    "an empty tag": (body(tags=[""]), 422, "invalid-input"),
    "too many tags": (body(tags=["t"] * 21), 422, "invalid-input"),
    "a body beyond 1 MiB": (body(metadata={"x": "y" * 1024 * 1024}), 413, "body-too-large"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_bad_submission_is_refused_and_nothing_is_stored(
    service: Service, what: str
) -> None:
    content, status, slug = REFUSED[what]
    before = await service.database.jobs.estimated_document_count()

    answer = await service.http.post("/v1/jobs", content=content, headers=JSON)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith(f"/problems/{slug}")
    assert problem["detail"]
    assert await service.database.jobs.estimated_document_count() == before


async def test_a_wrong_input_names_each_fault_by_pointer(service: Service) -> None:
    answer = await service.http.post("/v1/jobs", content=body(input={"x": "1"}), headers=JSON)

    pointers = {each["pointer"] for each in answer.json()["errors"]}
    assert pointers == {"/input", "/input/x"}


async def test_a_timeout_that_a_thread_cannot_keep_is_refused(service: Service) -> None:
    given = {"task": "try.threaded", "input": {"number": 1}, "timeout_s": 5}

    answer = await service.http.post("/v1/jobs", json=given)

    assert answer.status_code == 422
    assert "process=True" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_of_another_type_is_415(service: Service, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}

    answer = await service.http.post("/v1/jobs", content=body(), headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")


async def test_a_chunked_body_beyond_the_limit_is_413(service: Service) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b"x" * 64 * 1024

    answer = await service.http.post("/v1/jobs", content=chunks(), headers=JSON)

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/v1/jobs/not-an-id", 404, "not-found"),
        ("GET", f"/v1/jobs/{uuid4()}", 404, "not-found"),
        ("GET", "/v1/jobs/01a1fd6f-5fbe-73d1-bcee-b5d129042706", 404, "not-found"),
        ("GET", "/v1/jobs/01a1fd6f-5fbe-73d1-bcee-b5d129042706/result", 404, "not-found"),
        ("GET", "/v1/jobs/01a1fd6f-5fbe-73d1-bcee-b5d129042706/events", 404, "not-found"),
        ("GET", "/v1/jobs/01a1fd6f-5fbe-73d1-bcee-b5d129042706/logs", 404, "not-found"),
        ("GET", "/v1/jobs?page_size=0", 422, "invalid-input"),
        ("GET", "/v1/jobs?page_size=many", 422, "invalid-input"),
        ("GET", "/v1/jobs?status=asleep", 422, "invalid-input"),
        ("GET", "/v1/jobs?colour=red", 422, "invalid-input"),
        ("GET", "/v1/jobs?created_after=yesterday", 422, "invalid-input"),
        ("GET", "/v1/jobs?page_token=%FF%00", 400, "invalid-page-token"),
        ("GET", "/v1/jobs?page_token=abc", 400, "invalid-page-token"),
        ("GET", "/v1/tasks/no.such", 404, "unknown-task"),
        ("GET", "/nowhere", 404, "not-found"),
        ("DELETE", "/v1/jobs", 405, "method-not-allowed"),
    ],
)
async def test_a_bad_address_or_query_gets_a_problem(
    service: Service, method: str, path: str, status: int, slug: str
) -> None:
    answer = await service.http.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{slug}"


async def test_an_unreadable_idempotency_key_is_refused(service: Service) -> None:
    headers = {"Idempotency-Key": "x" * 256}

    answer = await service.http.post(
        "/v1/jobs", json={"task": "math.add", "input": {"x": 1, "y": 1}}, headers=headers
    )

    assert answer.status_code == 400


async def test_a_refused_request_does_not_use_up_its_idempotency_key(service: Service) -> None:
    headers = {"Idempotency-Key": "first-bad-then-good"}

    bad = await service.http.post("/v1/jobs", json={"task": "no.such"}, headers=headers)
    good = await service.http.post(
        "/v1/jobs", json={"task": "math.add", "input": {"x": 1, "y": 1}}, headers=headers
    )

    assert (bad.status_code, good.status_code) == (404, 202)


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("raises-unshowable", "Unshowable"),
        ("exits", "SystemExit"),
        ("cancels-itself", "CancelledError"),
        ("gives-up", "GiveUp"),
        ("returns-object", "unserialisable-result"),
        ("returns-nan", "unserialisable-result"),
        ("returns-surrogate", "unserialisable-result"),
        ("returns-too-much", "result-too-large"),
    ],
)
async def test_a_task_that_misbehaves_fails_clearly_and_alone(
    service: Service, how: str, kind: str
) -> None:
    processes = await service.worker_processes()
    neighbours = [await service.submit("try.double", {"number": n}) for n in range(5)]

    failed = await service.run("try.misbehaves", {"how": how})

    assert (failed["status"], failed["result"]) == ("failed", None)
    assert failed["error"]["type"] == kind
    assert failed["error"]["message"]
    for number, job in enumerate(neighbours):
        assert (await service.end_of(job["id"]))["result"] == 2 * number
    assert await service.worker_processes() == processes


async def test_results_that_look_like_database_operators_come_back_as_they_were(
    service: Service,
) -> None:
    job = await service.run("try.misbehaves", {"how": "returns-operators"})

    assert job["result"] == {"$set": {"status": "failed"}, "a.b": "$input", "": 1}


async def test_a_task_process_that_dies_fails_its_job_only(service: Service) -> None:
    failed = await service.run("try.exits", {"code": 7})

    assert (failed["status"], failed["error"]["type"]) == ("failed", "ProcessDied")
    assert (await service.run("try.process", {"number": 2}))["result"] == 4


@pytest.mark.parametrize("task", ["try.double", "try.process"])
async def test_an_attempt_beyond_its_timeout_fails(service: Service, task: str) -> None:
    job = await service.run(task, {"number": 1, "seconds": 30}, timeout_s=1)

    assert (job["status"], job["error"]["type"]) == ("failed", "timeout")


async def test_unreadable_messages_go_to_the_dead_letters_and_block_nothing(
    service: Service,
) -> None:
    junk = [b"", b"\xff\xfe", b"{", b"[]", b'{"id": 1}', b'{"ids": "x"}', b'{"ids": ["nope"]}']
    connection = await aio_pika.connect(service.stack.rabbit_url)
    async with connection, connection.channel() as channel:
        exchange = await channel.get_exchange("journeys.jobs", ensure=False)
        for each in junk:
            await exchange.publish(aio_pika.Message(each), routing_key="math")

        async def all_buried() -> bool:
            queue = await channel.declare_queue("journeys.dead", passive=True)
            return (queue.declaration_result.message_count or 0) >= len(junk)

        await eventually(all_buried, within=15)
        dead = await channel.declare_queue("journeys.dead", passive=True)
        message = await dead.get()
        await message.ack()

    assert message.headers["x-warren-reason"]
    assert (await service.run("math.add", {"x": 1, "y": 1}))["result"] == 2


async def test_a_bell_for_jobs_that_are_done_or_unknown_changes_nothing(service: Service) -> None:
    job = await service.run("math.add", {"x": 1, "y": 1})
    unknown = "01a1fd6f-5fbe-73d1-bcee-b5d129042706"
    connection = await aio_pika.connect(service.stack.rabbit_url)
    async with connection, connection.channel() as channel:
        exchange = await channel.get_exchange("journeys.jobs", ensure=False)
        bell = json.dumps({"ids": [job["id"], unknown, job["id"]]}).encode()
        await asyncio.gather(
            *(exchange.publish(aio_pika.Message(bell), routing_key="math") for _ in range(20))
        )
    await service.run("math.add", {"x": 3, "y": 3})

    again = (await service.http.get(f"/v1/jobs/{job['id']}")).json()
    assert (again["version"], again["attempt"]) == (job["version"], 1)
