"""What gates add to the latency of a job that finds all of them open."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from statistics import median

import pytest

from deploy.local.stack import Stack
from tests.faults.measured import Report
from tests.journeys.service import Document, Service, open_service

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

PAIRS = 200
WIDE = {"rate": 10_000, "per_s": 1, "burst": 1000}
GOAL_MS = 10


@pytest.fixture
async def service(stack: Stack, own_name: str) -> AsyncIterator[Service]:
    """A gateway and one worker process, with nothing else to do."""
    settings = {
        "WARREN_TASKS": "worker.tasks,tests.journeys.limit_tasks",
        "WARREN_PROCESSES": "1",
    }
    async with open_service(stack, own_name, settings) as service:
        yield service


async def test_three_open_gates_add_less_than_ten_milliseconds(
    service: Service, tmp_path: Path, report: Report
) -> None:
    """A key and two limits, in turn with jobs that have none of them."""
    for name in ("one", "two"):
        assert (await service.http.put(f"/v1/limits/{name}", json=WIDE)).status_code == 201
    gates: Document = {"limits": [{"name": "one"}, {"name": "two"}]}
    given = {"ledger": str(tmp_path / "starts")}
    plain, gated = [], []
    for number in range(PAIRS):
        plain.append(await _latency(service, given))
        gated.append(await _latency(service, given, **gates, key=f"customer-{number}"))
    without, through = median(plain[20:]), median(gated[20:])  # the first ones warm up
    report(f"from stored to begun, p50: {without:.1f} ms, through three gates {through:.1f} ms")
    assert through - without < GOAL_MS


async def _latency(service: Service, given: Document, **gates: object) -> float:
    """Return the milliseconds from when a job was stored until its task began."""
    job = await service.end_of((await service.submit("limited.note", given, **gates))["id"])
    stored: datetime = datetime.fromisoformat(job["created_at"])
    return 1000 * (float(job["result"]) - stored.timestamp())
