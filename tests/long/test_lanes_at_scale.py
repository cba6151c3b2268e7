"""A thousand lanes while workers die, and one customer with fifty thousand jobs before another."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.faults.measured import Report
from tests.journeys.lane_ledger import entries, orders, overlaps
from tests.journeys.service import Document, Service, open_service

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

KEYS, EACH = 1000, 20
TASKS = {"WARREN_TASKS": "worker.tasks,tests.journeys.lane_tasks", "WARREN_LEASE_S": "5"}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
async def service(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A gateway, and a supervisor with four worker processes."""
    async with open_service(stack, own_name, {**TASKS, "WARREN_PROCESSES": "4"}) as service:
        yield service


@pytest.fixture
async def one_slot(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A service that runs one job at a time."""
    async with open_service(stack, f"{own_name}-one", {**TASKS, "WARREN_SLOTS": "1"}) as service:
        yield service


def order(customer: int, number: int, ledger: Path, seconds: float) -> Document:
    given = {"customer_id": customer, "order": number, "ledger": str(ledger), "seconds": seconds}
    return {"task": "lanes.score", "input": given}


async def test_a_thousand_lanes_keep_their_order_while_worker_processes_are_killed(
    service: Service, ledger: Path, report: Report
) -> None:
    jobs = [order(c, n, ledger, 0.02) for n in range(EACH) for c in range(KEYS)]
    began = asyncio.get_running_loop().time()
    kills = 0
    for start in range(0, len(jobs), 5000):
        await service.http.post("/v1/jobs/bulk", json=jobs[start : start + 5000], timeout=120)
    chance = random.Random(5)
    while await service.unfinished() > KEYS:
        await asyncio.sleep(chance.uniform(1, 4))
        kills += await service.kill_worker_processes() if kills < 40 else 0
    await service.all_ended(within=300)
    took = asyncio.get_running_loop().time() - began
    starts = sum(entry.what == "starts" for entry in entries(ledger))
    report(
        f"{KEYS} keys x {EACH} jobs: {took:.0f} s, {kills} worker processes killed, "
        f"{starts - KEYS * EACH} jobs begun again, {len(overlaps(ledger))} overlaps"
    )
    assert kills >= 4
    assert overlaps(ledger) == []
    assert orders(ledger) == {f"customer:{n}": list(range(EACH)) for n in range(KEYS)}


async def test_five_jobs_behind_fifty_thousand_of_another_take_twice_their_time_at_most(
    service: Service, ledger: Path, report: Report
) -> None:
    alone, behind = await _alone_and_behind(service, ledger, 50_000)
    report(f"five jobs: alone {alone:.2f} s, behind 50,000 of another key {behind:.2f} s")
    assert behind < 2 * alone


async def test_keys_take_turns_in_a_single_slot(
    one_slot: Service, ledger: Path, report: Report
) -> None:
    alone, behind = await _alone_and_behind(one_slot, ledger, 5000)
    report(f"five jobs in a single slot: alone {alone:.2f} s, behind 5,000 {behind:.2f} s")
    assert behind < 3 * alone


async def _alone_and_behind(service: Service, ledger: Path, many: int) -> tuple[float, float]:
    await _took(service, 1, ledger)  # whatever is slow only once
    alone = await _took(service, 2, ledger)
    for start in range(0, many, 5000):
        jobs = [order(3, n, ledger, 0.2) for n in range(start, min(many, start + 5000))]
        await service.http.post("/v1/jobs/bulk", json=jobs, timeout=120)
    return alone, await _took(service, 4, ledger)


async def _took(service: Service, customer: int, ledger: Path) -> float:
    """Return in how many seconds five jobs of a customer are done."""
    began = asyncio.get_running_loop().time()
    jobs = [order(customer, n, ledger, 0.2) for n in range(5)]
    told = (await service.http.post("/v1/jobs/bulk", json=jobs)).json()
    await service.end_of(told["items"][-1]["id"])
    return asyncio.get_running_loop().time() - began
