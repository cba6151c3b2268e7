"""Tasks that do everything a task should not do."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from warren import Job, task
from warren.errors import GiveUp


class Odd(BaseException):
    """Not even an Exception."""


class Unshowable(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise SystemExit(3)


RAISED: dict[str, BaseException] = {
    "ValueError": ValueError("no"),
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "GeneratorExit": GeneratorExit(),
    "CancelledError": asyncio.CancelledError("by itself"),
    "TimeoutError": TimeoutError("its own"),
    "Odd": Odd("odd"),
    "Unshowable": Unshowable(),
    "ExceptionGroup": ExceptionGroup("two", [ValueError("a"), OSError("b")]),
    "GiveUp": GiveUp("enough"),
    "Surrogate": ValueError("\ud800"),
    "MemoryError": MemoryError(),
    "RecursionError": RecursionError(),
}

cyclic: list[Any] = []
cyclic.append(cyclic)

RETURNED: dict[str, object] = {
    "nan": math.nan,
    "infinity": [1, {"x": math.inf}],
    "object": object(),
    "surrogate": "\ud800",
    "huge integer": 2**64,
    "cycle": cyclic,
    "lambda": {"f": print},
}


@task
async def raises(what: str) -> None:
    raise RAISED[what]


@task
def raises_in_a_thread(what: str) -> None:
    raise RAISED[what]


@task(process=True)
def raises_in_a_process(what: str) -> None:
    raise RAISED[what]


@task
def stops_iterating() -> object:
    return next(iter([]))


@task(process=True)
def stops_iterating_in_a_process() -> object:
    return next(iter([]))


@task
async def returns(what: str) -> Any:
    return RETURNED[what]


@task
def returns_in_a_thread(what: str) -> Any:
    return RETURNED[what]


@task(process=True)
def returns_in_a_process(what: str) -> Any:
    return RETURNED[what]


@task
async def returns_bytes(count: int) -> str:
    return "x" * count


@task(process=True)
def returns_bytes_from_a_process(count: int) -> str:
    return "x" * count


@task
async def echo(value: Any) -> Any:
    return value


@task
def echo_in_a_thread(value: Any) -> Any:
    return value


@task(process=True)
def echo_in_a_process(value: Any) -> Any:
    return value


@task(process=True)
async def sleeps_a_little_in_a_process(value: int) -> int:
    await asyncio.sleep(0.001)
    return value


@task
async def sleeps(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "woke up"


@task
async def swallows_cancellation(seconds: float) -> str:
    """Goes on after it was cancelled, and then returns as if nothing had been."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            continue
    return "finished anyway"


@task
async def raises_when_cancelled() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError as error:
        raise ValueError("while cleaning up") from error


@task(process=True)
def sleeps_in_a_process(seconds: float) -> str:
    time.sleep(seconds)
    return "woke up"


@task(process=True)
def leaves(code: int) -> None:
    os._exit(code)


@task(process=True)
def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task(process=True)
def prints_and_reads(value: int) -> int:
    """Writes where our frames go, and reads where they come from."""
    print("noise", flush=True)  # noqa: T201
    os.write(1, b"\x00\x00\x00\x02{}")
    sys.stdout.write("more noise")
    subprocess.run(["sh", "-c", "echo noise; cat"], check=True, timeout=30)
    return value


@task(process=True)
def own_pid() -> int:
    return os.getpid()


@task
def own_thread() -> str:
    return threading.current_thread().name


@task(process=True)
async def reports_from_a_process(job: Job) -> str:
    await job.progress(1, 2, "half")
    job.log("a line", "warning", x=1)
    return f"{job.id} {job.attempt} {job.input}"


@task
async def reports(job: Job) -> None:
    await job.progress(1, 2, "half")
    job.log("a line", "warning", x=1)


@task
def waits_until_told_to_stop(job: Job) -> str:
    while not job.cancelled:
        time.sleep(0.005)
    return "stopped"


@task(timeout_s=0.05)
async def always_late() -> None:
    await asyncio.sleep(60)
