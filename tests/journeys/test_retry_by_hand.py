"""Running an ended job again: the same id, its history kept, the input perhaps another."""

import asyncio

from tests.journeys.service import Service


async def test_a_job_that_failed_runs_again_with_the_input_mended(service: Service) -> None:
    job = await service.run("try.picky", {"what": "LookupError"})
    assert job["status"] == "failed"
    again = await service.http.post(f"/v1/jobs/{job['id']}/retry", json={"input": {"what": "x"}})
    assert again.status_code == 202
    told = again.json()
    assert (told["id"], told["input"], told["error"]) == (job["id"], {"what": "x"}, None)
    ended = await service.end_of(job["id"])
    assert [each["outcome"] for each in ended["attempts"]][:2] == ["failed", "failed"]
    assert ended["attempts"][0]["error"]["type"] == "KeyError"
    assert ended["attempt"] > 1


async def test_the_whole_life_is_told_in_order(service: Service) -> None:
    job = await service.run("try.double", {"number": 1})
    await service.http.post(f"/v1/jobs/{job['id']}/retry", json={"input": {"number": 4}})
    ended = await service.end_of(job["id"])
    assert (ended["result"], ended["attempt"]) == (8, 2)
    timeline = (await service.http.get(f"/v1/jobs/{job['id']}/events")).json()["events"]
    once = ["job.queued", "job.running", "job.succeeded"]
    assert [each["event"] for each in timeline] == once * 2
    assert timeline[3]["because"] == "run-again"
    instants = [each["at"] for each in timeline]
    assert instants == sorted(instants)


async def test_a_cancelled_job_can_run_after_all(service: Service) -> None:
    job = await service.submit("try.double", {"number": 3}, delay_s=3600)
    await service.http.post(f"/v1/jobs/{job['id']}/cancel")
    answer = await service.http.post(f"/v1/jobs/{job['id']}/retry")
    assert answer.status_code == 202
    assert (await service.end_of(job["id"]))["result"] == 6


async def test_only_an_ended_job_can_run_again(service: Service) -> None:
    job = await service.submit("try.double", {"number": 1}, delay_s=3600)
    answer = await service.http.post(f"/v1/jobs/{job['id']}/retry")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-finished")
    assert answer.json()["job_status"] == "waiting"
    await service.http.post(f"/v1/jobs/{job['id']}/cancel")


async def test_an_input_that_does_not_fit_is_refused_and_the_job_stays_ended(
    service: Service,
) -> None:
    job = await service.run("try.double", {"number": 1})
    for given, pointer in (
        ({"input": {"number": "one"}}, "/input/number"),
        ({"input": []}, "/input"),
        ({"inputs": {}}, "/inputs"),
    ):
        answer = await service.http.post(f"/v1/jobs/{job['id']}/retry", json=given)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await service.end_of(job["id"]))["version"] == job["version"]


async def test_of_many_that_ask_at_once_one_is_heard(service: Service) -> None:
    job = await service.run("try.double", {"number": 1})
    again = {"input": {"number": 1, "seconds": 2}}
    answers = await asyncio.gather(
        *(service.http.post(f"/v1/jobs/{job['id']}/retry", json=again) for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 9
    assert (await service.end_of(job["id"]))["attempt"] == 2


async def test_a_repeated_request_with_a_key_runs_it_once(service: Service) -> None:
    job = await service.run("try.double", {"number": 1})
    key = {"Idempotency-Key": f"again-{job['id']}"}
    first = await service.http.post(f"/v1/jobs/{job['id']}/retry", headers=key)
    await service.end_of(job["id"])
    second = await service.http.post(f"/v1/jobs/{job['id']}/retry", headers=key)
    assert (second.status_code, second.json()) == (202, first.json())
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (await service.end_of(job["id"]))["attempt"] == 2
