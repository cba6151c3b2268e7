"""Never over, never idle: four processes that are killed and restarted, with a backlog."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.eventually import eventually
from tests.journeys.service import Service, open_service
from tests.rates import most_over, share_used, starts_in

RATE, BURST = 50.0, 10.0


@pytest.fixture
async def four(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A service whose worker has four processes."""
    environment = {"WARREN_PROCESSES": "4", "WARREN_SLOTS": "20"}
    async with open_service(stack, own_name, environment) as service:
        yield service


async def backlog(service: Service, ledger: Path, count: int) -> None:
    rule = {"rate": RATE, "per_s": 1, "burst": BURST}
    assert (await service.http.put("/v1/limits/api", json=rule)).status_code == 201
    item = {"task": "limited.note", "input": {"ledger": str(ledger)}, "limits": [{"name": "api"}]}
    for start in range(0, count, 5000):
        items = [item] * min(5000, count - start)
        answer = await service.http.post("/v1/jobs/bulk", json=items, timeout=60)
        assert answer.json()["accepted"] == len(items)


async def kill_one(service: Service) -> None:
    with suppress(ProcessLookupError):
        os.kill(random.choice(await service.worker_processes()), signal.SIGKILL)


async def some_started(ledger: Path, count: int, *, within: float) -> list[float]:
    async def enough() -> bool:
        return len(starts_in(ledger)) >= count

    await eventually(enough, within=within)
    return starts_in(ledger)


async def test_four_processes_keep_one_rate_although_one_dies(
    four: Service, tmp_path: Path
) -> None:
    ledger = tmp_path / "starts"
    await backlog(four, ledger, 200)
    await some_started(ledger, 60, within=20)
    await kill_one(four)
    starts = await some_started(ledger, 195, within=30)  # the dead one's may have to run again
    assert most_over(starts, rate=RATE, burst=BURST) <= 0


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_long_backlog_is_never_over_and_never_idle(four: Service, tmp_path: Path) -> None:
    ledger = tmp_path / "starts"
    await backlog(four, ledger, 20_000)
    for _ in range(12):
        await asyncio.sleep(5)  # what is measured is time
        await kill_one(four)
    starts = starts_in(ledger)
    assert most_over(starts, rate=RATE, burst=BURST) <= 0
    settled = [at for at in starts if at > starts[0] + 3]
    assert share_used(settled, rate=RATE, burst=0) >= 0.95
