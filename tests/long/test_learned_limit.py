"""A learned limit finds the rate of a real server that nobody told it, and that changes twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bench.limits import SETTLING, TRUE_RATES
from deploy.local.stack import Stack
from examples.third_party import ThirdParty
from tests.faults.measured import Report
from tests.journeys.service import Service, open_service

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

MEASURED = 30.0  # seconds, after those in which a rate may be found
SETTINGS = {
    "WARREN_TASKS": "worker.tasks",
    "WARREN_HTTP_ALLOW_PRIVATE": "1",
    "WARREN_PROCESSES": "4",
}


@pytest.fixture
async def service(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A gateway, and a supervisor with four worker processes."""
    async with open_service(stack, own_name, SETTINGS) as service:
        yield service


async def test_a_rate_that_changes_twice_is_found_within_thirty_seconds(
    service: Service, report: Report
) -> None:
    first = TRUE_RATES[0][1]
    api = ThirdParty(pages=1, rate=first, burst=first / 10, trouble=0)
    rule = {"learned": {"base": 10, "floor": 1, "ceiling": 500}}
    assert (await service.http.put("/v1/limits/unknown", json=rule)).status_code == 201
    found: list[tuple[float, float, float]] = []
    async with api.running():
        await backlog(service, api, 12_000)
        for _, rate in TRUE_RATES:
            api.rate, api.burst = rate, max(2.0, rate / 10)
            await asyncio.sleep(SETTLING)  # what is measured is time
            served, refused = api.served, api.refused
            await asyncio.sleep(MEASURED)
            served, refused = api.served - served, api.refused - refused
            found.append((rate, served / (rate * MEASURED), refused / max(1, served + refused)))
    told = ", ".join(
        f"{used:.0%} of {rate:g}/s, {much:.1%} of calls 429" for rate, used, much in found
    )
    report(f"learned limit: {told}")
    assert min(used for _, used, _ in found) >= 0.85
    assert max(much for _, _, much in found) < 0.02


async def backlog(service: Service, api: ThirdParty, count: int) -> None:
    given = {"url": f"{api.url}/items?page=1"}
    item = {"task": "http.get", "input": given, "limits": [{"name": "unknown"}]}
    for start in range(0, count, 4000):
        items = [item] * min(4000, count - start)
        answer = await service.http.post("/v1/jobs/bulk", json=items, timeout=120)
        assert answer.json()["accepted"] == len(items)
