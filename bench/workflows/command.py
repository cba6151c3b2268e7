"""`python -m bench --workflows`: workflows on Warren beside Celery, in one run; judges the goals.

Exit code 0: every judged goal is met; 1: one is missed; 2: it could not be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import orjson
import uvloop

from bench.processes import ROOT
from bench.report import table
from bench.running import Running, started
from bench.services import open_services
from bench.systems.lineup import JUDGED, chosen
from bench.systems.system import System
from bench.workflows.measuring import Measured, measure
from bench.workflows.shapes import Shape, chain, chord, layers

SHAPES = (chord(1000), chain(100), layers(100))
COSTS = (chord(100), chord(1000), chord(10_000))
TIMES = {"chord 1,000": 5.0, "chain 100": 2.0}
HAND_OVER_MS = 10.0
FLAT = 1.5  # what a node of 10,000 may cost beside one of 1,000


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write `workflows.json`, and return the exit code."""
    given = parse(arguments)
    try:
        measured = uvloop.run(_interruptible(given))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except Exception as error:  # noqa: BLE001 - the top of the command
        print(f"bench: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(text(measured))
    write(measured, given.out)
    missed = [goal for goal in goals(measured) if goal[3] == "MISSED"]
    return 1 if missed and not given.quick else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench --workflows", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each workflow (5)")
    parser.add_argument("--only", default="", help="families or names, such as warren")
    parser.add_argument("--quick", action="store_true", help="one round; goals not judged")
    parser.add_argument("--out", type=Path, default=ROOT / ".warren" / "bench", help="folder")
    return parser.parse_args(arguments)


async def run(given: argparse.Namespace) -> list[Measured]:
    names = [name.strip() for name in given.only.split(",") if name.strip()]
    systems = [s for s in chosen(names) if s.family in ("warren", "celery")]
    measured: list[Measured] = []
    async with open_services(given.out / "stack") as services:
        for number in range(1 if given.quick else given.rounds):
            for system in systems:
                logs = given.out / "logs" / f"workflows-{system.name.replace(' ', '-')}"
                async with started(system, services, logs) as running:
                    await measure(running, chord(10))  # warms everything up
                    for shape in shapes_for(system):
                        if found := await one(running, shape):
                            measured.append(found)
                            say(f"{number + 1} {progress(found)}")
    return measured


async def one(running: Running, shape: Shape) -> Measured | None:
    """Measure a workflow; None for one that a peer does not end in time, which is said."""
    try:
        return await measure(running, shape)
    except TimeoutError:
        if running.system.family == "warren":
            raise
        say(f"{running.system.name} did not end {shape.name} in time; it is left out")
        return None


def say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


async def _interruptible(given: argparse.Namespace) -> list[Measured]:
    """A SIGTERM, like Ctrl-C, stops what was started before it ends the run."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(given)


def shapes_for(system: System) -> list[Shape]:
    """All of them for Warren; of the costs, Celery's are measured where they are compared."""
    extra = [shape for shape in COSTS if shape not in SHAPES] if system.name == JUDGED else []
    return [*SHAPES, *extra]


def progress(found: Measured) -> str:
    hand_over = f", hand-over {found.hand_over_ms:.1f} ms" if found.hand_over_ms else ""
    return f"{found.system}: {found.shape} in {found.seconds:.3f} s{hand_over}"


def medians(measured: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Seconds, by shape and system."""
    rounds: defaultdict[str, defaultdict[str, list[float]]]
    rounds = defaultdict(lambda: defaultdict(list))
    for each in measured:
        rounds[each.shape][each.system].append(each.seconds)
    return {
        shape: {system: median(seconds) for system, seconds in by_system.items()}
        for shape, by_system in rounds.items()
    }


def goals(measured: Sequence[Measured]) -> list[tuple[str, str, str, str]]:
    """What was wanted, what was measured, and whether it was reached."""
    seconds = medians(measured)
    found = []
    for shape, times in TIMES.items():
        by_system = seconds.get(shape, {})
        others = [s for name, s in by_system.items() if name.startswith("celery")]
        if others and JUDGED in by_system:
            ratio = min(others) / by_system[JUDGED]
            found.append(
                _goal(f"{shape}, times the best Celery", f">= {times:g}", ratio, met=ratio >= times)
            )
    hand_overs = [each.hand_over_ms for each in measured if each.hand_over_ms is not None]
    if hand_overs:
        ms = median(hand_overs)
        wanted = f"< {HAND_OVER_MS:g}"
        found.append(_goal("hand-over, p50 in ms", wanted, ms, met=ms < HAND_OVER_MS))
    large, usual = seconds.get("chord 10,000", {}), seconds.get("chord 1,000", {})
    if JUDGED in large and JUDGED in usual:
        ratio = (large[JUDGED] / 10_001) / (usual[JUDGED] / 1_001)
        found.append(
            _goal("cost of a node, 10,000 beside 1,000", f"< {FLAT:g}", ratio, met=ratio < FLAT)
        )
    return found


def _goal(what: str, wanted: str, measured: float, *, met: bool) -> tuple[str, str, str, str]:
    return what, wanted, f"{measured:.2f}", "met" if met else "MISSED"


def text(measured: Sequence[Measured]) -> str:
    nodes = {each.shape: each.nodes for each in measured}
    rows = [
        [shape, system, f"{seconds:.3f}", f"{1000 * seconds / nodes[shape]:.2f}"]
        for shape, by_system in medians(measured).items()
        for system, seconds in by_system.items()
    ]
    head = ["workflow", "system", "seconds (median)", "ms a node"]
    judged = table(["goal", "wanted", "measured", ""], map(list, goals(measured)))
    return f"From submission to the stored end\n{table(head, rows)}\n\nGoals\n{judged}"


def write(measured: Sequence[Measured], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    told = {"workflows": [each.as_dict() for each in measured]}
    (folder / "workflows.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
