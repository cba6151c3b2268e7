"""What a run was measured with: the machine, its speed just now, and the versions."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = (
    "aio-pika", "amqp", "celery", "fastapi", "kombu", "motor", "pydantic", "pymongo",
    "taskiq", "taskiq-aio-pika", "uvicorn", "uvloop", "websockets",
)  # fmt: skip
PROBE_LOOPS = 1_000_000
QUIET_FOR_S = 1.0
QUIET_PERCENT = 10.0


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> dict[str, str]:
    return {
        "processor": _line("/proc/cpuinfo", "model name"),
        "cores": str(os.cpu_count()),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
    }


def speed() -> float:
    """Million turns of a fixed loop in a CPU second; shared machines change between rounds."""
    began = time.process_time()
    for _ in range(PROBE_LOOPS):
        pass
    return PROBE_LOOPS / 1e6 / (time.process_time() - began)


async def quiet(limit_s: float = 20.0) -> bool:
    """Wait until next to nothing runs beside us; False when that did not come in time."""
    end = time.monotonic() + limit_s
    psutil.cpu_percent()
    while time.monotonic() < end:
        await asyncio.sleep(QUIET_FOR_S)
        if float(psutil.cpu_percent()) < QUIET_PERCENT:
            return True
    return False


def _line(file: str, key: str) -> str:
    for line in Path(file).read_text().splitlines():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return "unknown"
