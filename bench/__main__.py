"""`python -m bench`: compare Warren with its peers in one run and judge the goals.

With `--workflows`: chords, chains and layers beside Celery's.

Exit code 0: every judged goal is met; 1: one is missed; 2: it could not be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import uvloop

from bench import latency, profile, report
from bench.machine import machine, versions
from bench.processes import ROOT
from bench.result import Result
from bench.round import Throughput, throughput
from bench.running import started
from bench.services import Services, open_services
from bench.systems.lineup import chosen
from bench.systems.system import System
from bench.workflows import command as workflows

WORKFLOWS = "--workflows"  # another comparison, with options of its own


@dataclass(frozen=True)
class Plan:
    """What to measure, and for how long."""

    systems: Sequence[System]
    rounds: int
    seconds: float
    latency_seconds: float
    quick: bool
    profile: bool
    out: Path


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if WORKFLOWS in given:
        given.remove(WORKFLOWS)
        return workflows.main(given)
    try:
        plan = parse(arguments)
        if plan.profile:
            profile.find()
        result = uvloop.run(_interruptible(plan))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("bench: interrupted; everything it started is stopped")
        return 130
    except Exception as error:  # noqa: BLE001 - the top of the command
        say(f"bench: {first_cause(error)}")
        return 2
    print(report.text(result))
    say(f"\nbench: written to {report.write(result, plan.out)}")
    judged = not (plan.quick or plan.profile)
    return 1 if judged and any(goal.met is False for goal in result.goals()) else 0


def parse(arguments: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (5)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of a round (8)")
    parser.add_argument("--only", default="", help="families or names, such as warren,taskiq")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 s; goals not judged")
    parser.add_argument("--profile", action="store_true", help="record with py-spy; not judged")
    parser.add_argument("--out", type=Path, default=ROOT / ".warren" / "bench", help="folder")
    given = parser.parse_args(arguments)
    return Plan(
        systems=chosen([name.strip() for name in given.only.split(",") if name.strip()]),
        rounds=2 if given.quick else given.rounds,
        seconds=2.0 if given.quick else given.seconds,
        latency_seconds=3.0 if given.quick else 10.0,
        quick=given.quick,
        profile=given.profile,
        out=given.out,
    )


async def run(plan: Plan) -> Result:
    async with open_services(plan.out / "stack") as services:
        result = Result(plan.systems, await conditions(services))
        for number in range(plan.rounds):
            for system in plan.systems:
                measured = await one_round(plan, services, system)
                result.rounds.append(measured)
                say(f"bench: round {number + 1}/{plan.rounds}  {progress(measured)}")
        for system in plan.systems:
            await one_latency(plan, services, system, result)
    return result


async def one_round(plan: Plan, services: Services, system: System) -> Throughput:
    async with started(system, services, logs(plan, system)) as running:
        watched = (
            profile.recording(running.children, plan.out / "profiles", system.name)
            if plan.profile
            else nullcontext()
        )
        with watched:
            return await throughput(running, services, plan.seconds)


async def one_latency(plan: Plan, services: Services, system: System, result: Result) -> None:
    rate = (result.rate(system.name) or 0.0) / 10
    async with started(system, services, logs(plan, system)) as running:
        measured = await latency.measure(running, rate, plan.latency_seconds)
    result.latencies.append(measured)
    say(f"bench: latency  {system.name}: p50 {measured.p50_ms:.1f} p99 {measured.p99_ms:.1f} ms")


def first_cause(error: BaseException) -> str:
    """What went wrong first, out of all that failed together."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def conditions(services: Services) -> dict[str, object]:
    return {
        "command": " ".join(["python -m bench", *sys.argv[1:]]),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {**versions(), **await services.versions()},
    }


def progress(measured: Throughput) -> str:
    return (
        f"{measured.system}: {measured.jobs_per_s:,.0f} jobs/s "
        f"({measured.jobs:,} jobs in {measured.seconds:.1f} s)"
    )


def logs(plan: Plan, system: System) -> Path:
    return plan.out / "logs" / system.name.replace(" ", "-")


def say(line: str, to: TextIO = sys.stderr) -> None:
    print(line, file=to, flush=True)


async def _interruptible(plan: Plan) -> Result:
    """A SIGTERM, like Ctrl-C, stops what was started before it ends the run."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(plan)


if __name__ == "__main__":
    sys.exit(main())
