"""Three keepers, of which some are killed or frozen at any moment: each time fires exactly once."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.services import Worker, make_worker
from deploy.local.stack import Stack
from deploy.local.together import together
from tests.eventually import eventually
from tests.faults.measured import Report
from tests.journeys.service import Service, open_service

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("STORM_SEED", random.randrange(1_000_000)))
SECOND = timedelta(seconds=1)
_LEAD = 3 * SECOND  # for making the schedules before their first time comes


@dataclass(frozen=True)
class Keepers:
    """A service with three workers, and with them three keepers."""

    service: Service
    workers: list[Worker]


@asynccontextmanager
async def three_keepers(stack: Stack, name: str) -> AsyncIterator[Keepers]:
    """Start a gateway and three workers."""
    async with AsyncExitStack() as exits:
        service = await exits.enter_async_context(open_service(stack, name))
        others = [
            make_worker(stack, environment=service.environment, name=f"{name}-other{number}")
            for number in range(2)
        ]
        for worker in others:
            exits.push_async_callback(worker.close, in_good_order=False)
        await together(*(worker.start() for worker in others))
        yield Keepers(service, [service.worker, *others])


@pytest.mark.timeout(240)
async def test_each_nominal_time_fires_once_while_keepers_die(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    async with three_keepers(stack, own_name) as keepers:
        await _fires_once(keepers, tmp_path / "ledger", report, schedules=40, seconds=8)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_200_schedules_fire_each_second_for_two_minutes_while_keepers_die(
    stack: Stack, own_name: str, tmp_path: Path, report: Report
) -> None:
    async with three_keepers(stack, own_name) as keepers:
        await _fires_once(keepers, tmp_path / "ledger", report, schedules=200, seconds=120)


async def _fires_once(
    keepers: Keepers, ledger: Path, report: Report, *, schedules: int, seconds: int
) -> None:
    service = keepers.service
    start = (datetime.now(UTC) + _LEAD + schedules * 0.06 * SECOND).replace(microsecond=0)
    end = start + (seconds - 1) * SECOND
    making = (_make(service, ledger, start, end, number) for number in range(schedules))
    made = await asyncio.gather(*making)
    assert datetime.now(UTC) < start, "the schedules were made too late for this test"

    kinds = await _break(keepers.workers, until=end, chance=random.Random(SEED))

    await eventually(lambda: _decided(service), within=60)
    await service.all_ended(within=120)
    expected = {start + number * SECOND for number in range(seconds)}
    jobs = await service.database.jobs.find({}).to_list(None)
    for schedule in made:
        fired = [job["nominal_at"] for job in jobs if job["schedule_id"] == schedule["id"]]
        assert sorted(at.replace(tzinfo=UTC) for at in fired) == sorted(expected)
    assert _ran(ledger) == {job["_id"] for job in jobs}
    shown = [await _read(service, schedule) for schedule in made]
    counts = Counter[str]()
    for schedule in shown:
        counts.update(schedule["counts"])
    assert counts == {"fired": schedules * seconds, "skipped": 0, "missed": 0, "buffered": 0}
    late = sorted(_lateness(job) for job in jobs)
    report(
        f"{len(jobs)} nominal times of {schedules} schedules, each once; {dict(kinds)} "
        f"(seed {SEED}); lateness median {late[len(late) // 2]:.2f} s, most {late[-1]:.1f} s"
    )


async def _make(
    service: Service, ledger: Path, start: datetime, end: datetime, number: int
) -> dict[str, Any]:
    answer = await service.http.post(
        "/v1/schedules",
        json={
            "task": "try.double",
            "input": {"number": number, "ledger": str(ledger), "seconds": 0},
            "every_s": 1,
            "start_at": start.isoformat(),
            "end_at": end.isoformat(),
            "overlap": "allow_all",
        },
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _break(workers: list[Worker], *, until: datetime, chance: random.Random) -> Counter[str]:
    """Kill or freeze each keeper every few seconds; all are back when this returns."""
    kinds = Counter[str]()

    async def trouble(worker: Worker) -> None:
        await asyncio.sleep(chance.uniform(0.5, 5))
        while datetime.now(UTC) < until:
            kind = chance.choice([_killed, _killed, _frozen])
            kinds[kind.__name__.strip("_")] += 1
            await kind(worker, chance)
            await asyncio.sleep(chance.uniform(1, 8))

    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(trouble(worker))
    return kinds


async def _killed(worker: Worker, _: random.Random) -> None:
    await worker.kill()
    await worker.start()


async def _frozen(worker: Worker, chance: random.Random) -> None:
    """A lease of the leader lasts 6 s: some come back and find that another leads."""
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(chance.uniform(0.5, 9))
    finally:
        os.kill(worker.pid, signal.SIGCONT)


async def _decided(service: Service) -> bool:
    """Say whether no schedule has anything left to do."""
    left = await service.database.schedules.find_one({"next_at": {"$type": "date"}})
    return left is None


async def _read(service: Service, schedule: dict[str, Any]) -> dict[str, Any]:
    return dict((await service.http.get(f"/v1/schedules/{schedule['id']}")).json())


def _ran(ledger: Path) -> set[str]:
    """The jobs that have run, as their tasks noted it."""
    return {line.split()[0] for line in ledger.read_text().splitlines()}


def _lateness(job: dict[str, Any]) -> float:
    seconds: float = (job["created_at"] - job["nominal_at"]).total_seconds()
    return seconds
