"""Waiting for a job's end in the middle of a request: `Prefer: wait=N` (RFC 7240)."""

import asyncio
import re
from contextlib import suppress

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
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _first_of(ended, request)
    return latest[-1] if latest else job


async def _first_of(ended: asyncio.Event, request: Request) -> None:
    waits = [asyncio.create_task(ended.wait()), asyncio.create_task(_gone(request))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
