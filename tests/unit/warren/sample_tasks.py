"""Tasks of every kind, at the top of a module, where a worker and a child process find them."""

import asyncio
import os
import threading
import time
from datetime import UTC, datetime

from warren import GiveUp, Job, RateLimited, Retry, SoftTimeout, task


@task
def add(x: int, y: int = 3) -> int:
    """Add two numbers.

    Args:
        x: the first of them
        y (int): the second of them
    """
    return x + y


@task(queue="slow", timeout_s=30)
async def count(job: Job, to: int) -> int:
    """Count, and say so."""
    for number in range(1, to + 1):
        await job.progress(number, to, f"at {number}")
    await job.log("counted", level="warning", to=to, when=datetime(2026, 1, 1, tzinfo=UTC))
    return to


@task
def count_in_a_thread(to: int, job: Job) -> dict[str, object]:
    job.progress(to, to)
    return {"thread": threading.current_thread() is threading.main_thread(), "id": job.id}


@task
async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


@task
async def stubborn(seconds: float) -> str:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return "too late"
    return "in time"


@task
def give_up() -> None:
    raise GiveUp("no use")


@task
async def leave() -> None:
    raise SystemExit(3)


@task
def returns_an_object() -> object:
    return {"here": [1, object()]}


@task(process=True)
def pid(job: Job) -> int:
    job.progress(1, 2, "in a child")
    job.log("hello", level="debug", from_="child")
    return os.getpid()


@task(process=True)
async def async_pid() -> int:
    await asyncio.sleep(0)
    return os.getpid()


@task(process=True, timeout_s=0.2)
def busy() -> None:
    while True:
        time.sleep(0.01)


@task(process=True)
def breaks() -> None:
    raise ValueError("in a child")


@task(process=True)
def dies() -> None:
    os._exit(7)


@task
def sees_cancel(job: Job) -> bool:
    return job.cancelled


@task(soft_timeout_s=0.05)
async def saves_what_it_has(seconds: float, job: Job) -> str:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return f"half, cancelled={job.cancelled}"
    return "whole"


@task(soft_timeout_s=0.05)
def looks_now_and_then(seconds: float, job: Job) -> str:
    for _ in range(round(seconds / 0.01)):
        time.sleep(0.01)
        if job.cancelled:
            return "half"
    return "whole"


@task(process=True, soft_timeout_s=0.3, timeout_s=30)
def catches_its_soft_timeout(seconds: float) -> str:
    try:
        time.sleep(seconds)
    except SoftTimeout as error:
        return f"half, after {error.seconds:g} s"
    return "whole"


@task(process=True, soft_timeout_s=0.3, timeout_s=30, never_retry=[TimeoutError])
async def is_cancelled_in_its_process(seconds: float, value: str = "") -> str:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if not value:
            raise
    return value


@task(process=True, never_retry=[LookupError])
def breaks_for_good() -> None:
    raise KeyError("in a child")


@task
async def rests(after_s: float | None = None) -> None:
    raise Retry(after_s, "not yet")


@task
def rests_in_a_thread() -> None:
    raise RateLimited(7)


@task(process=True)
def rests_in_a_process() -> None:
    raise Retry(7)


@task(retry={"max_attempts": 4})
def tells_of_itself(job: Job) -> list[object]:
    return [job.attempt, job.max_attempts, job.nominal_at]


@task(process=True)
def tells_of_itself_in_a_process(job: Job) -> list[object]:
    return [job.attempt, job.max_attempts, job.nominal_at]
