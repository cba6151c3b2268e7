"""Tasks that the journeys run: each behaves in one way, good or bad."""

import asyncio
import math
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from warren import GiveUp, Job, RateLimited, Retry, SoftTimeout, task

QUEUE = "journeys"


@task(name="try.double", queue=QUEUE)
async def double(job: Job, number: int, ledger: str | None = None, seconds: float = 0.02) -> int:
    """Note the start in a ledger outside the service, take a moment, return twice the number."""
    if ledger:
        note(ledger, job.id, job.attempt)
    await asyncio.sleep(seconds)
    return number * 2


@task(name="try.price", queue=QUEUE, cache_ttl_s=60, cache_key="{shop}/{item}")
async def price(job: Job, shop: str, item: str, ledger: str, hint: str = "") -> str:
    """Look up something that costs a call each time."""
    note(ledger, job.id, job.attempt)
    await asyncio.sleep(0.05)
    return f"{item} at {shop}{hint}"


@task(name="try.report", queue=QUEUE, key="shop:{shop}", unique={"for": 600, "by": ["task", "key"]})
async def report(job: Job, shop: str, note: str = "") -> str:
    """Something of which each shop has one at a time."""
    return f"{shop} {note}"


@task(name="try.index", queue=QUEUE, debounce_s=0.5, unique={"by": ["task", "input.document"]})
async def index(job: Job, document: str, text: str) -> str:
    """Something that follows on a burst of changes."""
    return text


@task(name="try.threaded", queue=QUEUE)
def threaded(number: int, seconds: float = 0) -> int:
    """The same in a thread."""
    time.sleep(seconds)
    return number * 2


@task(name="try.process", queue=QUEUE, process=True, timeout_s=20)
def in_process(job: Job, number: int, seconds: float = 0) -> int:
    """The same in a process of its own."""
    job.progress(1, 2, "half way")
    job.log("in a process", number=number)
    time.sleep(seconds)
    return number * 2


@task(name="try.exits", queue=QUEUE, process=True)
def exits(code: int) -> None:
    """End the process without a word."""
    os._exit(code)


@task(name="try.kills", queue=QUEUE)
async def kills(ledger: str) -> None:
    """Kill the worker process that runs this."""
    note(ledger, "kills", 0)
    os.kill(os.getpid(), signal.SIGKILL)


@task(name="try.steps", queue=QUEUE)
async def steps(job: Job, count: int) -> str:
    """Report each step."""
    for step in range(count):
        await job.progress(step + 1, count, f"step {step + 1}")
        await job.log("stepped", step=step + 1)
        await asyncio.sleep(0.15)
    return "done"


@task(name="try.flaky", queue=QUEUE)
async def flaky(job: Job, failures: int) -> list[int]:
    """Fail so many attempts, then tell which one succeeded, out of how many."""
    if job.attempt <= failures:
        raise ConnectionError(f"attempt {job.attempt} failed")
    return [job.attempt, job.max_attempts]


@task(name="try.picky", queue=QUEUE, retry={"backoff_s": 0.05}, never_retry=[LookupError])
async def picky(what: str) -> None:
    """Raise something: a LookupError is not worth another attempt."""
    raise {"LookupError": KeyError, "OSError": OSError}[what](what)


@task(name="try.rests", queue=QUEUE)
def rests(ledger: str, times: int, seconds: float, limited: bool = False) -> str:
    """Put itself off so many times."""
    note(ledger, "rests", 0)
    if noted(ledger) <= times:
        raise RateLimited(seconds) if limited else Retry(seconds)
    return "rested"


@task(name="try.listens", queue=QUEUE)
async def listens(seconds: float = 60, heeds: bool = True) -> str:
    """Tidy up when it is cancelled, or go on regardless."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            if heeds:
                return "tidied up"
    return "slept"


@task(name="try.looks", queue=QUEUE)
def looks(job: Job, seconds: float = 60, heeds: bool = True) -> str:
    """The same in a thread."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if heeds and job.cancelled:
            return "tidied up"
        time.sleep(0.02)
    return "slept"


@task(name="try.works", queue=QUEUE, process=True)
def works(seconds: float = 60, heeds: bool = True) -> str:
    """The same in a process."""
    try:
        time.sleep(seconds)
    except SoftTimeout:
        if heeds:
            return "tidied up"
        raise
    return "slept"


@task(name="try.blocks", queue=QUEUE)
async def blocks(seconds: float, ledger: str | None = None) -> str:
    """Hold up the event loop of the worker; with a ledger only the first time."""
    if ledger:
        note(ledger, "blocks", 0)
    if not ledger or noted(ledger) == 1:
        time.sleep(seconds)  # noqa: ASYNC251 -- the fault that is tried
    return "blocked"


@task(name="try.misbehaves", queue=QUEUE)
async def misbehaves(how: str) -> Any:
    """Do something that tasks should not do."""
    return await BEHAVIOURS[how]()


async def _raises_what_cannot_be_shown() -> None:
    raise Unshowable


async def _exits() -> None:
    raise SystemExit(3)


async def _cancels_itself() -> None:
    raise asyncio.CancelledError


async def _gives_up() -> None:
    raise GiveUp("there is nothing to be done")


async def _returns_an_object() -> object:
    return object()


async def _returns_nan() -> float:
    return math.nan


async def _returns_a_surrogate() -> str:
    return "\ud800"


async def _returns_too_much() -> str:
    return "x" * (5 * 1024 * 1024)


async def _returns_operators() -> dict[str, Any]:
    return {"$set": {"status": "failed"}, "a.b": "$input", "": 1}


@task(name="try.shows", queue=QUEUE)
async def shows(what: Any = None, ledger: str | None = None) -> Any:
    """Return what is given; with a ledger, note that this ran."""
    if ledger:
        note(ledger, "shows", 0)
    return what


@task(name="try.fails_until", queue=QUEUE)
def fails_until(path: str, number: int = 0) -> int:
    """Fail until somebody has made this file."""
    if not Path(path).exists():
        raise ConnectionError(f"{path} is not there")
    return number


@task(name="try.awaits", queue=QUEUE)
async def awaits(path: str) -> str:
    """Go on until somebody has made this file."""
    while True:
        if _is_there(path):
            return "it is there"
        await asyncio.sleep(0.02)


def _is_there(path: str) -> bool:
    return Path(path).exists()


_crowd: Counter[str] = Counter()


@task(name="try.crowds", queue=QUEUE)
async def crowds(seconds: float) -> int:
    """Return how many of these run at once in this process, oneself included."""
    _crowd["now"] += 1
    try:
        await asyncio.sleep(seconds)
        return _crowd["now"]
    finally:
        _crowd["now"] -= 1


class Unshowable(Exception):
    """An exception that fails when it is to be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


BEHAVIOURS = {
    "raises-unshowable": _raises_what_cannot_be_shown,
    "exits": _exits,
    "cancels-itself": _cancels_itself,
    "gives-up": _gives_up,
    "returns-object": _returns_an_object,
    "returns-nan": _returns_nan,
    "returns-surrogate": _returns_a_surrogate,
    "returns-too-much": _returns_too_much,
    "returns-operators": _returns_operators,
}


def note(ledger: str, job_id: str, attempt: int) -> None:
    """Append one line that survives whatever happens to this process next."""
    with Path(ledger).open("a") as lines:
        lines.write(f"{job_id} {attempt} {os.getpid()}\n")


def noted(ledger: str) -> int:
    """Count the lines of a ledger."""
    return len(Path(ledger).read_text().splitlines())
