"""Lanes: jobs of one key run one after the other, those of others beside them."""

import asyncio
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.journeys.lane_client import busy, cancel, in_line, lane, next_in, order, shown, steer
from tests.journeys.lane_ledger import entries, most_at_once, orders
from tests.journeys.service import Document, Service


async def test_jobs_of_a_customer_run_one_after_the_other_in_order_and_customers_side_by_side(
    lanes: Service, ledger: Path
) -> None:
    jobs = [order(customer, n, ledger) for n in range(10) for customer in range(101, 109)]
    answer = await lanes.http.post("/v1/jobs/bulk", json=jobs)
    assert answer.json()["accepted"] == 80
    await lanes.all_ended(within=30)
    assert set(most_at_once(ledger).values()) == {1}
    assert len(most_at_once(ledger)) == 8
    for customer in range(101, 109):
        assert orders(ledger)[f"customer:{customer}"] == list(range(10))
    firsts = {e.key for e in entries(ledger)[:16] if e.what == "starts"}
    assert len(firsts) > 4, "customers should run beside each other"


async def test_the_more_urgent_goes_first_and_nobody_is_interrupted_for_it(
    lanes: Service, key: str, ledger: Path
) -> None:
    holder = await busy(lanes, key)
    for number, priority in enumerate((5, 5, 9, 0)):
        await lanes.submit(**order_at(number, ledger), key=key, priority=priority)
    await in_line(lanes, key, 4)
    await cancel(lanes, holder)
    await lanes.all_ended(within=20)
    assert orders(ledger)["customer:0"] == [2, 0, 1, 3]


def order_at(number: int, ledger: Path) -> Document:
    """Say the same as `order`, as arguments."""
    job = order(0, number, ledger)
    return {"task": job["task"], "given": job["input"]}


async def test_a_job_whose_time_has_not_come_blocks_nobody_and_waits_when_it_has(
    lanes: Service, key: str
) -> None:
    early = await next_in(lanes, key, delay_s=0.8)
    assert early["waiting_for"][0]["gate"] == "time"
    assert (await lanes.end_of((await next_in(lanes, key))["id"]))["status"] == "succeeded"
    holder = await busy(lanes, key)
    await in_line(lanes, key, 1)
    assert (await shown(lanes, early))["waiting_for"][0]["gate"] == "key"
    await cancel(lanes, holder)
    assert (await lanes.end_of(early["id"]))["status"] == "succeeded"


@pytest.mark.parametrize("how", ["snooze", "fail"])
async def test_a_job_that_is_put_off_lets_the_next_in_meanwhile(
    lanes: Service, key: str, ledger: Path, how: str
) -> None:
    given = {"ledger": str(ledger), "seconds": 0.6, "how": how}
    retry = {"max_attempts": 3, "backoff_s": 0.6, "jitter": False}
    first, second = [
        await lanes.submit(
            "lanes.once_later", {**given, "order": n, "how": how if n == 0 else "no"},
            key=key, retry=retry,
        )
        for n in (0, 1)
    ]  # fmt: skip
    ends = [await lanes.end_of(job["id"]) for job in (second, first)]
    assert [end["status"] for end in ends] == ["succeeded", "succeeded"]
    assert ends[0]["finished_at"] < ends[1]["started_at"]
    assert most_at_once(ledger) == {"later": 1}


async def test_as_many_of_a_key_run_as_they_bear(lanes: Service, key: str, ledger: Path) -> None:
    fields = {"key": key, "key_limit": 3}
    jobs = [{**order(7, n, ledger, seconds=0.1), **fields} for n in range(12)]
    await lanes.http.post("/v1/jobs/bulk", json=jobs)
    await lanes.all_ended(within=20)
    assert most_at_once(ledger) == {"customer:7": 3}


async def test_a_job_with_two_keys_runs_when_both_are_free(
    lanes: Service, key: str, ledger: Path
) -> None:
    first, second = f"{key}:a", f"{key}:b"
    holder = await busy(lanes, second)
    both = await next_in(lanes, [second, first])
    assert both["key"] == [first, second]

    async def waits_for_the_second() -> bool:
        return [each["key"] for each in (await shown(lanes, both))["waiting_for"]] == [second]

    await eventually(waits_for_the_second, within=10)
    assert [each["id"] for each in (await lane(lanes, first))["holders"]] == [both["id"]]
    await cancel(lanes, holder)
    assert (await lanes.end_of(both["id"]))["status"] == "succeeded"
    await lanes.end_of((await next_in(lanes, first))["id"])


async def test_what_becomes_of_a_job_whose_key_is_busy_is_its_choice(
    lanes: Service, key: str
) -> None:
    holder = await busy(lanes, key)
    dropped = await lanes.end_of((await next_in(lanes, key, when_busy="drop_new"))["id"])
    assert (dropped["status"], dropped["error"]["type"]) == ("skipped", "key-busy")
    assert holder["id"] in dropped["error"]["message"]
    failed = await lanes.end_of((await next_in(lanes, key, when_busy="fail"))["id"])
    assert (failed["status"], failed["error"]["type"]) == ("failed", "key-busy")
    newest = await lanes.end_of((await next_in(lanes, key, when_busy="cancel_running"))["id"])
    assert newest["status"] == "succeeded"
    assert (await shown(lanes, holder))["status"] == "cancelled"
    free = await lanes.end_of((await next_in(lanes, key, when_busy="fail"))["id"])
    assert free["status"] == "succeeded"


async def test_a_retry_by_hand_and_a_schedule_stand_in_line_as_well(
    lanes: Service, key: str
) -> None:
    ended = await lanes.end_of((await next_in(lanes, key))["id"])
    holder = await busy(lanes, key)
    again = await lanes.http.post(f"/v1/jobs/{ended['id']}/retry")
    assert again.json()["status"] == "waiting"
    given = {"customer_id": 0, "order": 1, "ledger": "/dev/null"}
    rule = {"task": "lanes.score", "input": given, "key": key, "every_s": 3600, "start_at": None}
    made = await lanes.http.post("/v1/schedules", json=rule)
    assert made.status_code == 201, made.text
    triggered = (await lanes.http.post(f"/v1/schedules/{made.json()['id']}/trigger")).json()
    assert triggered["status"] == "waiting"
    await in_line(lanes, key, 2)
    await cancel(lanes, holder)
    for job in (ended, triggered):
        assert (await lanes.end_of(job["id"]))["status"] == "succeeded"
    await lanes.http.delete(f"/v1/schedules/{made.json()['id']}")


async def test_nodes_of_workflows_stand_in_line(lanes: Service, key: str, ledger: Path) -> None:
    def node(number: int) -> Document:
        return {**order(9, number, ledger, seconds=0.05), "key": key}

    nodes = {f"n{n}": node(n) for n in range(4)}
    made = await lanes.http.post("/v1/workflows", json={"nodes": nodes})
    assert made.status_code == 202, made.text
    ended = await lanes.http.get(made.headers["Location"], headers={"Prefer": "wait=20"})
    assert ended.json()["status"] == "succeeded"
    assert most_at_once(ledger) == {"customer:9": 1}


async def test_a_customer_with_many_jobs_keeps_nobody_waiting(lanes: Service, ledger: Path) -> None:
    async def took(customer: int) -> float:
        jobs = [order(customer, n, ledger, seconds=0.1) for n in range(5)]
        began = asyncio.get_running_loop().time()
        told = (await lanes.http.post("/v1/jobs/bulk", json=jobs)).json()
        await lanes.end_of(told["items"][-1]["id"])
        return asyncio.get_running_loop().time() - began

    alone = await took(301)
    many = [order(300, n, ledger, seconds=0.1) for n in range(500)]
    await lanes.http.post("/v1/jobs/bulk", json=many)
    assert await took(302) < 2 * alone + 0.5  # and what a shared machine takes
    await steer(lanes, "customer:300", "drain")
    await lanes.all_ended(within=20)
