"""The recipe of docs/lanes.md: many customers at once, never two orders of one, in their order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from deploy.local.stack import Stack
from examples.order_scoring import hand_in
from tests.journeys.service import Document, Service, open_service
from warren import Client

CUSTOMERS = range(1, 9)
BUSY = 1


@pytest.fixture
async def scoring(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A service whose worker has the task of the example."""
    tasks = {"WARREN_TASKS": "worker.tasks,examples.order_scoring"}
    async with open_service(stack, own_name, tasks) as service:
        yield service


async def test_orders_are_scored_one_at_a_time_for_each_customer_even_if_workers_die(
    scoring: Service,
) -> None:
    orders = [(BUSY, n) for n in range(10)] + [(c, n) for n in range(3) for c in CUSTOMERS[1:]]
    with Client(scoring.gateway.url) as warren:
        ids = await asyncio.to_thread(hand_in, warren, orders, seconds=0.2)
    assert len(ids) == len(orders)
    await asyncio.sleep(0.7)
    await scoring.kill_worker_processes()
    jobs = [await scoring.end_of(job_id) for job_id in ids]
    assert {job["status"] for job in jobs} == {"succeeded"}
    by_customer: defaultdict[int, list[Document]] = defaultdict(list)
    for job in jobs:
        by_customer[job["input"]["customer_id"]].append(job)
    for of_one in by_customer.values():
        for before, after in pairwise(of_one):
            assert before["finished_at"] <= after["started_at"]
    others = max(job["finished_at"] for c, of in by_customer.items() if c != BUSY for job in of)
    assert others < max(job["finished_at"] for job in by_customer[BUSY])
    assert all(job["result"]["order_id"] == job["input"]["order_id"] for job in jobs)
