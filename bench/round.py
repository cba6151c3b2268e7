"""One throughput round: warm up, measure, check every result."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from bench import cpu, machine
from bench.running import Running
from bench.services import Services

WARM_UP_JOBS = 640


@dataclass(frozen=True)
class Throughput:
    """What one closed-loop round measured."""

    system: str
    jobs: int
    seconds: float
    jobs_per_s: float
    accepted_per_s: float
    cpu_us_per_job: dict[str, float]
    elsewhere_share: float
    machine_speed: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


async def throughput(running: Running, services: Services, seconds: float) -> Throughput:
    """Jobs a second from the first request to the last stored result, over about `seconds`."""
    jobs = round(await _rate(running) * seconds)
    speed = machine.speed()
    pids = {**services.pids(), **running.pids()}
    before = cpu.read(pids)
    submitted = await running.submit(jobs)
    ended = await running.settle()
    used = cpu.spent(before, cpu.read(pids))
    await running.verify()
    took = ended - submitted.began
    return Throughput(
        system=running.system.name,
        jobs=jobs,
        seconds=took,
        jobs_per_s=jobs / took,
        accepted_per_s=jobs / (submitted.ended - submitted.began),
        cpu_us_per_job=used.per_job_us(jobs),
        elsewhere_share=used.elsewhere / took / (os.cpu_count() or 1),
        machine_speed=speed,
    )


async def _rate(running: Running) -> float:
    """Warm everything up, then estimate the rate over a second or so."""
    rough = await _timed(running, WARM_UP_JOBS)
    return await _timed(running, max(WARM_UP_JOBS, round(rough)))


async def _timed(running: Running, jobs: int) -> float:
    submitted = await running.submit(jobs)
    return jobs / (await running.settle() - submitted.began)
