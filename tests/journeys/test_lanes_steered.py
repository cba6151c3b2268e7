"""Lanes as operators see and steer them, and what they survive."""

import asyncio
from pathlib import Path

from tests.eventually import eventually
from tests.journeys.lane_client import busy, cancel, in_line, lane, next_in, order, shown, steer
from tests.journeys.lane_ledger import entries, orders, overlaps
from tests.journeys.service import Service


async def test_a_job_in_line_names_its_key_who_has_it_and_how_many_come_first(
    lanes: Service, key: str
) -> None:
    holder = await busy(lanes, key)
    first, second = [await next_in(lanes, key) for _ in range(2)]
    assert first["status"] == "waiting"
    assert first["key"] == key
    await in_line(lanes, key, 2)
    told = await shown(lanes, second)
    gate = {"gate": "key", "key": key, "holder": holder["id"], "ahead": 1}
    assert told["waiting_for"] == [gate]
    why = (await lanes.http.get(f"/v1/jobs/{second['id']}/why")).json()
    assert why["waiting_for"] == [gate]
    assert [reason["code"] for reason in why["reasons"]] == ["key-taken", "others-first"]
    assert holder["id"] in why["summary"]
    assert why["position"] == 1
    at = await lane(lanes, key)
    assert (at["running"], at["queued"], at["waiting"]) == (1, 0, 2)
    assert [each["id"] for each in at["holders"]] == [holder["id"]]
    assert at["next"] == [first["id"], second["id"]]
    assert at["oldest_waiting_s"] >= 0
    assert at["holders"][0]["age_s"] >= 0
    listed = (await lanes.http.get("/v1/lanes", params={"page_size": 500})).json()["lanes"]
    assert key in {each["key"] for each in listed}
    found = (await lanes.http.get("/v1/jobs", params={"key": key})).json()["jobs"]
    assert {each["id"] for each in found} == {holder["id"], first["id"], second["id"]}
    await cancel(lanes, holder)
    for job in (first, second):
        assert (await lanes.end_of(job["id"]))["status"] == "succeeded"
    assert (await lane(lanes, key))["waiting"] == 0


async def test_no_more_wait_for_a_key_than_its_cap(lanes: Service, key: str) -> None:
    holder = await busy(lanes, key)
    first = await next_in(lanes, key, key_max_waiting=1)
    body = {"task": "lanes.score", "input": {"customer_id": 0, "order": 1, "ledger": "/dev/null"}}
    refused = await lanes.http.post("/v1/jobs", json={**body, "key": key, "key_max_waiting": 1})
    told = refused.json()
    assert (refused.status_code, told["type"]) == (429, "/problems/lane-full")
    assert (told["key"], told["depth"], told["cap"]) == (key, 1, 1)
    assert int(refused.headers["Retry-After"]) > 0
    many = [{**body, "key": f"{key}:bulk", "key_max_waiting": 3} for _ in range(10)]
    answer = (await lanes.http.post("/v1/jobs/bulk", json=many)).json()
    assert (answer["accepted"], answer["refused"]) == (4, 6)
    await cancel(lanes, holder)
    assert (await lanes.end_of(first["id"]))["status"] == "succeeded"


async def test_a_lane_that_is_held_lets_nobody_in_until_it_is_resumed(
    lanes: Service, key: str
) -> None:
    held = await steer(lanes, key, "hold", note="their data is being mended")
    assert held["held"]["note"] == "their data is being mended"
    job = await next_in(lanes, key)
    await in_line(lanes, key, 1)
    why = (await lanes.http.get(f"/v1/jobs/{job['id']}/why")).json()
    assert [reason["code"] for reason in why["reasons"]] == ["lane-held"]
    assert "mended" in why["summary"]
    assert why["expected_start"] is None
    assert key in await held_lanes(lanes)
    resumed = await steer(lanes, key, "resume")
    assert resumed["held"] is None
    assert (await lanes.end_of(job["id"]))["status"] == "succeeded"
    assert key not in await held_lanes(lanes)


async def held_lanes(service: Service) -> set[str]:
    listed = await service.http.get("/v1/lanes", params={"held": True, "page_size": 500})
    return {each["key"] for each in listed.json()["lanes"]}


async def test_draining_a_lane_cancels_what_stands_in_line(lanes: Service, key: str) -> None:
    holder = await busy(lanes, key)
    waiting = [await next_in(lanes, key) for _ in range(3)]
    await in_line(lanes, key, 3)
    drained = await steer(lanes, key, "drain")
    assert (drained["cancelled"], drained["waiting"], drained["running"]) == (3, 0, 1)
    assert {(await shown(lanes, job))["status"] for job in waiting} == {"cancelled"}
    await cancel(lanes, holder)
    await lanes.end_of((await next_in(lanes, key))["id"])


async def test_a_lane_outlives_the_workers_that_are_killed_in_it(
    lanes: Service, ledger: Path
) -> None:
    jobs = [
        order(customer, n, ledger, seconds=0.1) for n in range(4) for customer in range(201, 211)
    ]
    await lanes.http.post("/v1/jobs/bulk", json=jobs)
    for _ in range(3):
        await asyncio.sleep(0.4)
        await lanes.kill_worker_processes()
    await lanes.all_ended(within=40)
    assert overlaps(ledger) == []
    for customer in range(201, 211):
        assert orders(ledger)[f"customer:{customer}"] == [0, 1, 2, 3]


async def test_a_key_that_cannot_be_made_of_the_input_is_refused(lanes: Service) -> None:
    given = {"customer_id": None, "order": 1, "ledger": "/dev/null"}
    answer = await lanes.http.post("/v1/jobs", json={"task": "lanes.score", "input": given})
    assert answer.status_code == 422
    without = {"task": "demo.sleep", "input": {"seconds": 0}, "key_limit": 2}
    answer = await lanes.http.post("/v1/jobs", json=without)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/key_limit")


async def test_a_job_that_may_run_and_has_lost_its_lane_stands_in_line_again(
    lanes: Service, key: str, ledger: Path
) -> None:
    """As when the primary that had let it in was lost before that had reached another member."""
    holder = await busy(lanes, key)
    job = await lanes.submit("lanes.score", order(7, 1, ledger)["input"], key=key)
    jobs = lanes.database["jobs"]
    lost = {"$set": {"status": "queued", "turn": 1}, "$unset": {"lane": "", "because": ""}}
    await jobs.update_one({"_id": job["id"]}, {**lost, "$inc": {"version": 1}})

    async def back_in_line() -> bool:
        told = await shown(lanes, job)
        return bool(told["version"] >= 4 and told["status"] == "waiting")

    await eventually(back_in_line, within=20)
    assert entries(ledger) == []
    told = await shown(lanes, job)
    assert (told["attempt"], told["waiting_for"][0]["holder"]) == (0, holder["id"])
    await cancel(lanes, holder)
    assert (await lanes.end_of(job["id"]))["status"] == "succeeded"
