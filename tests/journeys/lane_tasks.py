"""Tasks that have keys."""

import asyncio
import time
from pathlib import Path

from warren import Job, Retry, task

QUEUE = "lanes"


@task(name="lanes.score", queue=QUEUE, key="customer:{customer_id}")
async def score(job: Job, customer_id: int, order: int, ledger: str, seconds: float = 0.02) -> int:
    """Score an order; never two of a customer at a time."""
    line(ledger, f"customer:{customer_id}", order, "starts")
    await asyncio.sleep(seconds)
    line(ledger, f"customer:{customer_id}", order, "ends")
    return order


@task(name="lanes.once_later", queue=QUEUE, retry={"max_attempts": 3, "jitter": False})
async def once_later(ledger: str, order: int, seconds: float, how: str) -> int:
    """Be put off once, in one way or another, then succeed."""
    line(ledger, "later", order, "starts")
    await asyncio.sleep(0.02)
    line(ledger, "later", order, "ends")
    if how == "snooze" and is_new(f"{ledger}.{order}"):
        raise Retry(after_s=seconds)
    if how == "fail" and is_new(f"{ledger}.{order}"):
        raise ConnectionError("once")
    return order


def is_new(path: str) -> bool:
    """Say whether nobody has asked for this path before."""
    try:
        Path(path).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def line(ledger: str, key: str, order: int, what: str) -> None:
    """Add a line to a file outside the service, in one write."""
    with Path(ledger).open("a", encoding="utf-8") as file:
        file.write(f"{time.monotonic_ns()} {key} {order} {what}\n")
