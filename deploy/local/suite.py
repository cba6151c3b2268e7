"""`python -m deploy.local.suite`: the whole suite, two parts at a time, or SUITE_AT_ONCE.

Each part is a pytest with servers of its own. Many tests wait for a lease or a restart, and the
processor is there for the others meanwhile.
"""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from datetime import timedelta

from deploy.local.processes import die_with_parent, kill_process_group
from deploy.local.stack import ROOT
from deploy.local.terminal import run_until_signal

PARTS: Mapping[str, Sequence[str]] = {
    "faults": ("tests/faults",),
    "journeys": ("tests/journeys", "tests/browser"),
    "units": ("tests/unit", "tests/conformance"),
    "fuzz": ("tests/fuzz",),
}
# Parts; what depends on time needs some of the processor when its time has come.
AT_ONCE = int(os.environ.get("SUITE_AT_ONCE", "2"))
INTERRUPTED = 130
TO_TIDY_UP = timedelta(seconds=30)
LONGEST_LINE = 16 * 1024 * 1024  # bytes; an assertion may show a large value
SUMMARY = "short test summary info"  # the heading of pytest's list of what failed
WIDTH = "240"  # columns; pytest cuts the lines of its summary, names and reasons, to this


class Part:
    """One pytest: its lines are shown with its name before them, as they come."""

    def __init__(self, name: str, paths: Sequence[str]) -> None:
        self.name = name
        self.code = INTERRUPTED
        self.took = 0.0  # seconds
        self.summary: list[str] = []  # what failed and why, a line each; empty if nothing did
        self._paths = paths

    async def run(self) -> None:
        """Run to the end; told to stop, let pytest stop its servers first."""
        began = time.monotonic()
        colour = ("--color=yes",) if sys.stdout.isatty() else ()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", *colour, *self._paths),
            stdout=PIPE,
            stderr=STDOUT,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": WIDTH},
            limit=LONGEST_LINE,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        try:
            await self._show(process)
            self.code = await process.wait()
        finally:
            self.took = time.monotonic() - began
            await self._end(process)

    async def _show(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            text = line.decode(errors="replace").rstrip()
            print(f"{self.name:>8} | {text}", flush=True)
            if self.summary or SUMMARY in text:
                self.summary.append(text)

    async def _end(self, process: Process) -> None:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait(
                [asyncio.ensure_future(self._show(process))], timeout=TO_TIDY_UP.total_seconds()
            )
        await kill_process_group(process)


async def run(parts: Sequence[Part]) -> None:
    """Run all parts in their order, AT_ONCE at a time; one that fails does not stop the others."""
    free = asyncio.Semaphore(AT_ONCE)

    async def in_turn(part: Part) -> None:
        async with free:
            await part.run()

    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(in_turn(part))


def main() -> int:
    """Run the suite; 0 only if every part passed. What failed is said again, last."""
    parts = [Part(name, paths) for name, paths in PARTS.items()]
    run_until_signal(run(parts), ())
    for part in parts:
        for line in part.summary:
            print(f"{part.name:>8} | {line}")
    for part in parts:
        said = {0: "passed", INTERRUPTED: "interrupted"}.get(part.code, "FAILED")
        print(f"{part.name:>8} | {said} after {part.took:.0f} s")
    return max((abs(part.code) for part in parts), default=0)


if __name__ == "__main__":
    sys.exit(main())
