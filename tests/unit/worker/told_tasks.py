"""Tasks that are told something, or tell their worker what should come next."""

import asyncio
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.unit.worker.odd_tasks import waits_until_told_to_stop
from warren import Job, task
from warren.errors import RateLimited, Retry, SoftTimeout


@task(timeout_s=30)
async def tidies_up() -> str:
    """Returns something when it is cancelled."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "tidied up"
    return "woke up"


@task
def tidies_up_in_a_thread(job: Job) -> str:
    return waits_until_told_to_stop.fn(job)


@task(process=True)
def tidies_up_in_a_process() -> str:
    try:
        time.sleep(60)
    except SoftTimeout:
        return "tidied up"
    return "woke up"


@task(process=True)
async def tidies_up_async_in_a_process() -> str:
    return await tidies_up.fn()


@task
def never_looks(seconds: float) -> str:
    time.sleep(seconds)
    return "never looked"


@task(process=True)
def starts_another(path: str) -> None:
    """Starts a process, notes its id, and waits for it."""
    child = subprocess.Popen(["sleep", "60"])
    Path(path).write_text(str(child.pid))
    child.wait()


@task
async def cancels_itself() -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(0)


RESTS: dict[str, BaseException] = {
    "retry": Retry(2),
    "limit": RateLimited(timedelta(minutes=1)),
    "no time": Retry(),
}


@task
async def rests(what: str) -> None:
    raise RESTS[what]


@task
def rests_in_a_thread(what: str) -> None:
    raise RESTS[what]


@task(process=True)
def rests_in_a_process(what: str) -> None:
    raise RESTS[what]


@task(never_retry=[LookupError, TimeoutError], always_retry=[KeyError])
async def picky(what: str) -> None:
    raise {"KeyError": KeyError, "IndexError": IndexError, "OSError": OSError}[what](what)


@task(timeout_s=0.02, never_retry=[TimeoutError])
async def late_for_good() -> None:
    await asyncio.sleep(60)


@task(process=True, never_retry=[ValueError])
def picky_in_a_process() -> None:
    raise ValueError("no")


@task
async def tells_of_its_job(job: Job) -> list[Any]:
    return [job.id, job.attempt, job.max_attempts, job.schedule_id, str(job.nominal_at)]


@task(process=True)
def tells_of_its_job_from_a_process(job: Job) -> list[Any]:
    return [job.id, job.attempt, job.max_attempts, job.schedule_id, str(job.nominal_at)]
