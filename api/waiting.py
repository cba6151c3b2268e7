"""Waiting for a job's end in the middle of a request: `Prefer: wait=N` (RFC 7240)."""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

from fastapi import Request

from api.headers import list_header
from api.hub import Change, Hub
from shared.contracts.job import Job

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)


def wanted_wait(request: Request, *, most: float) -> float | None:
    """Return for how many seconds the caller would wait, at most `most`; None if not at all."""
    asked = list_header(request, b"prefer")
    if asked is None or (found := _WAIT.search(asked)) is None:
        return None
    return min(float(found[1]), most)


def applied(seconds: float) -> dict[str, str]:
    """Return the header that says that the wait was honoured."""
    return {"Preference-Applied": f"wait={seconds:g}"}


async def wait_for_end(hub: Hub, request: Request, job_id: str, seconds: float) -> Job:
    """Return the job once it has ended, or as it is after `seconds`, or when the caller left."""
    latest: list[Job] = []
    ended = asyncio.Event()

    def note(change: Change) -> None:
        latest.append(change.job)
        if change.job.done:
            ended.set()

    async with hub.watching(job_id, note) as job:
        if not job.done:
            await hold(request, ended.wait(), seconds)
    return latest[-1] if latest else job


async def hold(request: Request, until: Coroutine[Any, Any, object], seconds: float) -> None:
    """Return once `until` has, after `seconds`, or when the caller left; raise what it raises."""
    waits = [asyncio.create_task(until), asyncio.create_task(_gone(request))]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if waits[0].done():
            waits[0].result()
    finally:
        for wait in waits:
            wait.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
