"""A million runnable jobs wait, and neither clients nor workers nor the broker notice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from deploy.local.stack import Stack
from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.collections import JOBS
from shared.infrastructure.documents import to_document
from tests.eventually import eventually
from tests.faults.measured import Report, Stopwatch, p99
from tests.journeys.service import Service, open_service

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]

WINDOW = 4096
A_MILLION = 1_000_000
A_FEW = 20_000  # enough to keep a worker busy for as long as we look
SPAN = 15  # seconds for which a throughput is measured


@pytest.fixture
async def service(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A gateway and a worker."""
    async with open_service(stack, own_name, {"WARREN_LOG": "json"}) as service:
        yield service


async def test_a_million_runnable_jobs_slow_nobody_down(service: Service, report: Report) -> None:
    await _submissions(service, 500)  # whatever is slow only once
    empty = await _submissions(service, 2000)
    await service.all_ended(within=60)
    await _store(service, A_FEW)
    fast, busy = await asyncio.gather(_throughput(service), _submissions(service, 2000, pause=0.02))
    await service.all_ended(within=300)

    await _store(service, A_MILLION)
    assert await service.unfinished() > A_MILLION * 0.9, "the worker was faster than the test"
    slow, crowded = await asyncio.gather(
        _throughput(service), _submissions(service, 2000, pause=0.02)
    )
    in_broker = await service.database[JOBS].count_documents(
        {"status": "queued", "published": True}
    )
    await service.worker.kill()  # what it costs to submit when nothing else happens
    idle = await _submissions(service, 2000)

    report(
        f"submissions, p99: empty {1000 * p99(empty):.1f} ms, a million waiting "
        f"{1000 * p99(idle):.1f} ms; while a worker drains {A_FEW} {1000 * p99(busy):.1f} ms, "
        f"a million {1000 * p99(crowded):.1f} ms"
    )
    report(
        f"jobs a second: {fast:.0f} of {A_FEW} waiting, {slow:.0f} of a million; "
        f"the broker holds {in_broker}"
    )
    assert in_broker <= 1.1 * WINDOW
    assert p99(idle) < 2 * p99(empty)
    assert p99(crowded) < 2 * p99(busy)
    assert slow > 0.9 * fast


async def _store(service: Service, count: int) -> None:
    """Store runnable jobs while no worker is there; return once a new one is at them."""
    await service.worker.stop()
    now = datetime.now(UTC) - timedelta(minutes=1)
    jobs = (to_document(_a_job(now)) for _ in range(count))
    while chunk := list(islice(jobs, 10_000)):
        await service.database[JOBS].insert_many(chunk, ordered=False)

    ended = await _ended(service)
    await service.worker.start()

    async def under_way() -> bool:
        return await _ended(service) > ended + 500

    await eventually(under_way, within=120)


def _a_job(now: datetime) -> Job:
    return Job(
        id=new_id(now),
        created_at=now,
        task="math.add",
        queue="math",
        input='{"x":1,"y":2}',
        status=Status.QUEUED,
    )


async def _ended(service: Service) -> int:
    rows = await service.database.workers.find({}, {"counts.finished": 1}).to_list(None)
    return sum(row.get("counts", {}).get("finished", 0) for row in rows)


async def _throughput(service: Service) -> float:
    """Return how many jobs a second the worker says that it has finished, beat by beat."""
    since, before = await _at_a_beat(service)
    await asyncio.sleep(SPAN)
    until, after = await _at_a_beat(service)
    return (after - before) / (until - since)


async def _at_a_beat(service: Service) -> tuple[float, int]:
    before = await _ended(service)

    async def beaten() -> int | None:
        ended = await _ended(service)
        return ended if ended != before else None

    ended = await eventually(beaten, within=20)
    return asyncio.get_running_loop().time(), ended


async def _submissions(service: Service, count: int, *, pause: float = 0.0) -> list[float]:
    """Submit with four clients; return how long each answer took."""
    numbers = iter(range(count))
    took: list[float] = []

    async def submit_some() -> None:
        for number in numbers:
            watch = Stopwatch()
            await service.submit("math.add", {"x": number, "y": 1})
            took.append(watch())
            await asyncio.sleep(pause)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(submit_some())
    return took
