"""Limits: jobs that share a budget start in order, never too fast, and wait at no cost."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from examples.third_party import ThirdParty
from tests.eventually import eventually
from tests.journeys.service import Document, Service
from tests.rates import ids_in, most_over, starts_in
from warren import AsyncClient, Problem

SLOW = {"rate": 1, "per_s": 600, "burst": 2}


@pytest.fixture
def limit() -> str:
    return f"api-{uuid4().hex[:8]}"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "starts"


async def define(service: Service, name: str, **rule: Any) -> Document:
    answer = await service.http.put(f"/v1/limits/{name}", json=rule)
    assert answer.status_code in (200, 201), answer.text
    limit: Document = answer.json()
    return limit


async def look(service: Service, name: str) -> Document:
    limit: Document = (await service.http.get(f"/v1/limits/{name}")).json()
    return limit


async def submit(
    service: Service, count: int, ledger: Path, *names: str, task: str = "limited.note"
) -> list[str]:
    limits = [{"name": name} for name in names]
    item = {"task": task, "input": {"ledger": str(ledger)}, "limits": limits}
    answer = await service.http.post("/v1/jobs/bulk", json=[item] * count)
    return [each["id"] for each in answer.json()["items"]]


async def started(ledger: Path, count: int, *, within: float = 20) -> list[float]:
    async def enough() -> bool:
        return len(starts_in(ledger)) >= count

    await eventually(enough, within=within)
    return starts_in(ledger)


async def test_starts_keep_the_rate_and_their_order(
    service: Service, limit: str, ledger: Path
) -> None:
    await define(service, limit, rate=40, per_s=1, burst=8)
    ids = await submit(service, 100, ledger, limit)
    starts = await started(ledger, 100)
    assert most_over(starts, rate=40, burst=8) <= 0
    first = ids_in(ledger)[:30]
    assert set(first) <= set(ids[:45])  # neighbours may change places within a moment
    job = await service.end_of(ids[-1])
    assert (job["attempt"], job["snoozes"], len(job["attempts"])) == (1, 0, 1)


async def test_a_job_that_waits_says_for_which_limit_and_until_when(
    service: Service, limit: str, ledger: Path
) -> None:
    await define(service, limit, **SLOW)
    ids = await submit(service, 4, ledger, limit)

    async def last_waits() -> bool:
        return bool((await look(service, limit))["waiting"] == 3)

    await eventually(last_waits, within=10)
    jobs = [(await service.http.get(f"/v1/jobs/{each}")).json() for each in ids]
    in_line = [each for each in jobs if each["status"] == "waiting"]  # neighbours may change places
    assert len(in_line) == 3
    job = in_line[-1]
    (gate,) = job["waiting_for"]
    assert (job["status"], gate["gate"], gate["limit"]) == ("waiting", "limit", limit)
    assert gate["until"] > job["created_at"]
    assert (job["attempt"], job["attempts"], job["snoozes"]) == (0, [], 0)
    why = (await service.http.get(f"/v1/jobs/{job['id']}/why")).json()
    assert why["position"] == 2
    assert why["reasons"][0]["code"] == "limit"
    assert why["expected_start"] > gate["until"][:16]
    for each in in_line:
        await service.http.post(f"/v1/jobs/{each['id']}/cancel")
    assert (await look(service, limit))["waiting"] == 0


async def test_another_rate_holds_at_once_also_for_those_in_line(
    service: Service, limit: str, ledger: Path
) -> None:
    await define(service, limit, **SLOW)
    await submit(service, 20, ledger, limit)
    await started(ledger, 1)
    await define(service, limit, rate=200, per_s=1, burst=10)
    await started(ledger, 20)


async def test_without_its_limit_a_line_may_run(service: Service, limit: str, ledger: Path) -> None:
    await define(service, limit, **SLOW)
    await submit(service, 5, ledger, limit)
    await started(ledger, 1)
    assert (await service.http.delete(f"/v1/limits/{limit}")).status_code == 204
    await started(ledger, 5)


async def test_a_name_from_the_input_takes_its_rule_from_the_default(
    service: Service, limit: str, ledger: Path
) -> None:
    await define(service, f"{limit}:*", **SLOW)
    for token in ("a", "b"):
        for _ in range(2):
            given = {"ledger": str(ledger), "token": token}
            await service.submit("limited.note", given, limits=[{"name": f"{limit}:{{token}}"}])
    await started(ledger, 2)

    async def others_wait() -> bool:
        found = [await look(service, f"{limit}:{token}") for token in ("a", "b")]
        return [each.get("waiting") for each in found] == [1, 1]

    await eventually(others_wait, within=10)
    assert (await look(service, f"{limit}:a"))["of"] == f"{limit}:*"
    await define(service, f"{limit}:*", rate=100, per_s=1, burst=10)
    await started(ledger, 4)


async def test_several_limits_are_taken_all_or_none(
    service: Service, limit: str, ledger: Path
) -> None:
    slow, fast = f"{limit}-slow", f"{limit}-fast"
    await define(service, slow, **SLOW)
    await define(service, fast, rate=10, per_s=600, burst=10)
    await submit(service, 5, ledger, slow, fast)

    async def rest_waits() -> bool:
        return bool((await look(service, slow))["waiting"] == 4)

    await eventually(rest_waits, within=10)
    assert len(starts_in(ledger)) == 1
    assert (await look(service, fast))["room"] > 7  # the slow one's refusals cost it nothing


async def test_a_job_with_a_key_gives_its_lane_back_while_it_waits_for_a_limit(
    service: Service, limit: str, ledger: Path
) -> None:
    await define(service, limit, **SLOW)
    given, key = {"ledger": str(ledger)}, f"customer-{limit}"
    limits = [{"name": limit}]
    await service.submit("limited.note", given, limits=limits)  # takes what there is
    await started(ledger, 1)
    held = (await service.submit("limited.note", given, limits=limits, key=key))["id"]

    async def waits_in_line() -> bool:
        job = (await service.http.get(f"/v1/jobs/{held}")).json()
        return [gate["gate"] for gate in job["waiting_for"]] == ["limit"]

    await eventually(waits_in_line, within=10)
    other = (await service.submit("limited.note", given, key=key))["id"]
    assert (await service.end_of(other))["status"] == "succeeded"
    await define(service, limit, rate=200, per_s=1, burst=10)
    assert (await service.end_of(held))["status"] == "succeeded"
    lane = (await service.http.get(f"/v1/lanes/{key}")).json()
    assert (lane["running"], lane["waiting"]) == (0, 0)


async def test_a_limit_that_nobody_defined_limits_nothing(
    service: Service, limit: str, ledger: Path
) -> None:
    await submit(service, 10, ledger, limit)
    await started(ledger, 10)
    assert (await service.http.get(f"/v1/limits/{limit}")).status_code == 404


async def test_limits_are_listed_and_refused_if_they_make_no_sense(
    service: Service, limit: str
) -> None:
    await define(service, limit, rate=5, per_s=1, burst=2)
    listed = (await service.http.get("/v1/limits", params={"page_size": 500})).json()
    assert limit in [each["name"] for each in listed["limits"]]
    for body in ({}, {"rate": -1}, {"rate": 1, "learned": {"base": 1}}):
        refused = await service.http.put(f"/v1/limits/{limit}", json=body)
        assert refused.status_code == 422, refused.text
    assert (await service.http.put("/v1/limits/a%7Bb%7D", json={"rate": 1})).status_code == 422


async def test_a_thread_begins_in_its_turn_too(service: Service, limit: str, ledger: Path) -> None:
    await define(service, limit, rate=20, per_s=1, burst=4)
    await submit(service, 20, ledger, limit, task="limited.thread")
    starts = await started(ledger, 20)
    assert most_over(starts, rate=20, burst=4) <= 0


async def test_cancelling_a_job_in_line_ends_it_at_once(
    service: Service, limit: str, ledger: Path
) -> None:
    await define(service, limit, **SLOW)
    ids = await submit(service, 3, ledger, limit)
    await started(ledger, 1)
    ended = await asyncio.gather(*(service.http.post(f"/v1/jobs/{i}/cancel") for i in ids[1:]))
    assert {answer.json()["status"] for answer in ended} == {"cancelled"}


async def test_a_client_in_python_defines_limits(service: Service, limit: str) -> None:
    async with AsyncClient(service.gateway.url) as warren:
        made = await warren.limits.put(f"{limit}:*", rate=5, per_s=60, burst=3)
        assert (made.rate, made.per_s, made.burst, made.waiting) == (5, 60, 3, 0)
        assert (await warren.limits.get(f"{limit}:*")).name == f"{limit}:*"
        await warren.limits.delete(f"{limit}:*")
        with pytest.raises(Problem, match="there is no limit"):
            await warren.limits.get(f"{limit}:*")


# Inside tasks


async def test_calls_inside_tasks_keep_the_rate(service: Service, limit: str, ledger: Path) -> None:
    await define(service, limit, rate=40, per_s=1, burst=6)
    given = {"ledger": str(ledger), "limit": limit, "count": 15}
    jobs = [await service.submit("limited.calls", given) for _ in range(2)]
    jobs.append(await service.submit("limited.thread_calls", given))
    for job in jobs:
        assert (await service.end_of(job["id"]))["result"] == 15
    starts = starts_in(ledger)
    assert len(starts) == 45
    assert most_over(starts, rate=40, burst=6) <= 0


async def test_what_a_call_really_cost_is_charged(service: Service, limit: str) -> None:
    await define(service, limit, rate=1, per_s=600, burst=100)
    await service.run("limited.corrects", {"limit": limit, "estimate": 10, "actual": 60})

    async def charged() -> bool:
        return bool(38 < (await look(service, limit))["room"] < 41)

    await eventually(charged, within=10)


async def test_who_is_told_to_slow_down_holds_everybody_and_loses_no_attempt(
    service: Service, limit: str, ledger: Path
) -> None:
    await define(service, limit, rate=100, per_s=1, burst=5)
    limits = [{"name": limit}]
    given = {"ledger": str(ledger), "pause_s": 1.5}
    first = await service.submit("limited.refused", given, limits=limits)

    async def held() -> bool:
        return (await look(service, limit))["held_until"] is not None

    await eventually(held, within=10)
    other = await service.submit("limited.refused", given, limits=limits)
    ended = [await service.end_of(job["id"]) for job in (first, other)]
    assert [(job["status"], job["attempt"]) for job in ended] == [("succeeded", 1)] * 2
    starts = starts_in(ledger)
    assert starts[1] - starts[0] >= 1.4
    history = (await look(service, limit))["history"]
    assert history[0]["why"] == "throttled"


async def test_a_breaker_opens_and_holds_jobs_without_burning_attempts(
    service: Service, limit: str, ledger: Path
) -> None:
    breaker = {"failure_rate": 0.5, "min_calls": 4, "open_s": 600}
    await define(service, limit, rate=20, per_s=1, burst=5, breaker=breaker)
    for _ in range(6):
        await service.submit("limited.fails", {"ledger": str(ledger)}, limits=[{"name": limit}])

    async def is_open() -> bool:
        return bool((await look(service, limit))["breaker"]["state"] == "open")

    await eventually(is_open, within=15)
    (job_id,) = await submit(service, 1, ledger, limit)

    async def waits() -> bool:
        job = (await service.http.get(f"/v1/jobs/{job_id}")).json()
        return bool(job["status"] == "waiting" and job["attempt"] == 0)

    await eventually(waits, within=10)
    why = (await service.http.get(f"/v1/jobs/{job_id}/why")).json()
    assert "breaker-open" in [reason["code"] for reason in why["reasons"]]
    await define(service, limit, rate=20, per_s=1, burst=5, breaker=False)
    assert (await service.end_of(job_id))["status"] == "succeeded"


async def test_a_learned_limit_climbs_while_calls_go_well(
    service: Service, limit: str, ledger: Path
) -> None:
    await define(service, limit, learned={"base": 20, "per_s": 1, "floor": 5, "ceiling": 200})
    await submit(service, 120, ledger, limit)
    await started(ledger, 120)

    async def climbed() -> bool:
        return bool((await look(service, limit))["level"] >= 2)

    await eventually(climbed, within=5)
    history = (await look(service, limit))["history"]
    assert [each["why"] for each in history[:2]] == ["clean calls", "clean calls"]


# A recipe


async def test_a_paginated_api_is_fetched_completely_and_never_too_fast(
    service: Service, limit: str
) -> None:
    api = ThirdParty(pages=40, rate=40, burst=10)
    async with api.running():
        await define(service, limit, rate=36, per_s=1, burst=5)
        items = [
            {
                "task": "catalogue.page",
                "input": {"url": api.url, "number": number},
                "limits": [{"name": limit}],
            }
            for number in range(1, api.pages + 1)
        ]
        answer = await service.http.post("/v1/jobs/bulk", json=items)
        ids = [each["id"] for each in answer.json()["items"]]
        jobs = [await service.end_of(job_id, within=40) for job_id in ids]
    assert [job["status"] for job in jobs] == ["succeeded"] * api.pages
    found = [item for job in jobs for item in job["result"]["items"]]
    assert found == list(range(10 * api.pages))
    assert api.failed > 0
    assert api.refused == 0
