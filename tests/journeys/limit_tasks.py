"""Tasks that take from limits, and note when they start in a ledger outside the service."""

import os
import time
from pathlib import Path

from warren import Job, RateLimited, task

QUEUE = "limited"


@task(name="limited.note", queue=QUEUE)
async def note(job: Job, ledger: str, token: str = "") -> float:
    """Note when it starts."""
    at = time.time()
    write(ledger, at, job.id)
    return at


@task(name="limited.thread", queue=QUEUE)
def in_thread(job: Job, ledger: str) -> float:
    """The same in a thread."""
    at = time.time()
    write(ledger, at, job.id)
    return at


def _lines_in(ledger: str) -> int:
    return len(Path(ledger).read_text().splitlines())


def write(ledger: str, at: float, job_id: str) -> None:
    """Append one line; whole, since it is short and written at once."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{at:.6f} {job_id}\n".encode())
    os.close(descriptor)


@task(name="limited.calls", queue=QUEUE)
async def calls(job: Job, ledger: str, limit: str, count: int, cost: float = 1) -> int:
    """Take from a limit again and again, and note each time."""
    for _ in range(count):
        async with job.limit(limit, cost=cost):
            write(ledger, time.time(), job.id)
    return count


@task(name="limited.thread_calls", queue=QUEUE)
def thread_calls(job: Job, ledger: str, limit: str, count: int) -> int:
    """The same in a thread."""
    for _ in range(count):
        with job.limit(limit):
            write(ledger, time.time(), job.id)
    return count


@task(name="limited.corrects", queue=QUEUE)
async def corrects(job: Job, limit: str, estimate: float, actual: float) -> float:
    """Take an estimate, and say afterwards what it was."""
    lease = await job.limit(limit, cost=estimate)
    lease.correct(actual)
    return lease.cost


@task(name="limited.refused", queue=QUEUE)
async def refused(job: Job, ledger: str, pause_s: float, times: int = 1) -> int:
    """Be told to slow down, for so many times of all of its kind; then succeed."""
    write(ledger, time.time(), job.id)
    if _lines_in(ledger) <= times:
        raise RateLimited(pause_s)
    return job.attempt


@task(name="limited.fails", queue=QUEUE, retry={"max_attempts": 2, "backoff_s": 0})
async def fails(job: Job, ledger: str) -> None:
    """Find nobody at the other side."""
    write(ledger, time.time(), job.id)
    raise ConnectionRefusedError("nobody is there")
