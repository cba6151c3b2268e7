"""Tasks that note each start and each end in a ledger outside the service.

A line is written with one call to a file opened for appending, and is on the disk before the task
goes on: it survives whatever happens to the process next.
"""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

from warren import Job, task

QUEUE = "faults"


@task(name="fault.work", queue=QUEUE)
async def work(job: Job, number: int, ledger: str, seconds: float = 0.05) -> dict[str, Any]:
    """Work on the event loop."""
    outcome = begin(ledger, job, number, os.getpid())
    await asyncio.sleep(seconds)
    return finish(ledger, outcome)


@task(name="fault.step", queue=QUEUE)
async def step(
    job: Job, number: int, ledger: str, seconds: float, fails: bool, given: list[Any]
) -> dict[str, Any]:
    """Be a node of a workflow: note what the nodes before gave, and perhaps fail."""
    outcome = begin(ledger, job, number, os.getpid())
    await asyncio.sleep(seconds)
    numbers = [each and each["number"] for each in given]
    outcome = finish(ledger, {**outcome, "given": numbers, "raised": fails})
    if fails:
        raise RuntimeError("as it was drawn")
    return outcome


@task(name="fault.thread", queue=QUEUE)
def thread(job: Job, number: int, ledger: str, seconds: float = 0.05) -> dict[str, Any]:
    """Work in a thread."""
    outcome = begin(ledger, job, number, os.getpid())
    time.sleep(seconds)
    return finish(ledger, outcome)


@task(name="fault.process", queue=QUEUE, process=True)
def process(job: Job, number: int, ledger: str, seconds: float = 0.05) -> dict[str, Any]:
    """Work in a process of its own, whose parent is the worker process."""
    outcome = begin(ledger, job, number, os.getppid())
    time.sleep(seconds)
    return finish(ledger, outcome)


@task(name="fault.flaky", queue=QUEUE, retry={"max_attempts": 3, "backoff_s": 0.2})
async def flaky(job: Job, number: int, ledger: str, seconds: float = 0.05) -> dict[str, Any]:
    """Fail at the first two attempts."""
    outcome = begin(ledger, job, number, os.getpid())
    await asyncio.sleep(seconds)
    if job.attempt < 3:
        finish(ledger, {**outcome, "raised": True})
        raise RuntimeError("not yet")
    return finish(ledger, outcome)


def begin(ledger: str, job: Job, number: int, worker: int) -> dict[str, Any]:
    """Note that an execution begins; return what it will have for its result."""
    run = {"job": job.id, "number": number, "attempt": job.attempt, "worker": worker}
    began = time.monotonic()
    note(ledger, {"what": "start", "at": began, **run})
    return {**run, "began": began, "double": 2 * number}


def finish(ledger: str, outcome: dict[str, Any]) -> dict[str, Any]:
    """Note that an execution has come to its end; return its result."""
    note(ledger, {"what": "end", "at": time.monotonic(), **outcome})
    return outcome


def note(ledger: str, line: dict[str, Any]) -> None:
    """Append one line, durably."""
    file = os.open(Path(ledger), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
        os.fdatasync(file)
    finally:
        os.close(file)
