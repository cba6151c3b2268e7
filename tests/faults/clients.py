"""Clients that submit, repeat what stayed unanswered, look at their jobs, and note all of it."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

import httpx2

from tests.faults.ledger import Ledger

TIMEOUT = httpx2.Timeout(8, connect=2)
_PAUSE = 0.2  # seconds before a repeat
_ASK_AGAIN = {"/problems/idempotency-in-progress", "/problems/store-unavailable"}


class Clients:
    """Many clients of all gateways. A submission keeps its idempotency key until it is answered."""

    def __init__(self, ledger: Ledger, urls: Sequence[str]) -> None:
        self._ledger = ledger
        self._urls = urls
        self._turn = count()
        self._http: httpx2.AsyncClient | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Clients"]:
        """Keep connections for as long as the context is open."""
        async with httpx2.AsyncClient(timeout=TIMEOUT, trust_env=False) as http:
            self._http = http
            yield self

    @property
    def http(self) -> httpx2.AsyncClient:
        """The open client."""
        assert self._http is not None
        return self._http

    def url(self) -> str:
        """Return the address of the gateway whose turn it is."""
        return self._urls[next(self._turn) % len(self._urls)]

    async def submit(
        self,
        number: int,
        task: str = "fault.work",
        *,
        within: float = 120,
        fields: Mapping[str, Any] | None = None,
        **given: Any,
    ) -> str:
        """Submit one job until some gateway has accepted it; return its id."""
        self._ledger.offered.add(number)
        given = {"number": number, "ledger": str(self._ledger.lines), **given}
        body = {"task": task, "input": given, **(fields or {})}
        headers = {"Idempotency-Key": f"{self._ledger.lines.parent.name}-{number}"}
        async with asyncio.timeout(within):
            while True:
                with suppress(httpx2.TransportError):
                    answer = await self.http.post(
                        f"{self.url()}/v1/jobs", json=body, headers=headers
                    )
                    if answer.status_code in (200, 202):
                        job = answer.json()
                        self._ledger.accepted[number].add(job["id"])
                        return str(job["id"])
                    self._must_say_try_again(answer)
                await asyncio.sleep(_PAUSE)

    async def submit_workflow(
        self,
        numbers: Mapping[str, int],
        seconds: Mapping[str, float],
        *,
        after: Mapping[str, Sequence[str]],
    ) -> None:
        """Submit a graph of jobs, a number for each node."""
        self._ledger.offered.update(numbers.values())
        lines = str(self._ledger.lines)
        nodes = {
            name: {
                "task": "fault.work",
                "input": {"number": number, "ledger": lines, "seconds": seconds[name]},
                "after": list(after.get(name, ())),
            }
            for name, number in numbers.items()
        }
        answer = await self.http.post(f"{self.url()}/v1/workflows", json={"nodes": nodes})
        assert answer.status_code == 202, answer.text

    async def ask(
        self, path: str, body: Any = None, *, key: str | None = None, within: float = 60
    ) -> dict[str, Any]:
        """Post until some gateway has answered; return what it said, be it that it is too late."""
        headers = {"Idempotency-Key": key} if key else {}
        async with asyncio.timeout(within):
            while True:
                with suppress(httpx2.TransportError):
                    answer = await self.http.post(self.url() + path, json=body, headers=headers)
                    said: dict[str, Any] = answer.json()
                    if answer.status_code in (200, 202):
                        return said
                    if answer.status_code == 409 and said["type"] not in _ASK_AGAIN:
                        return said
                    self._must_say_try_again(answer)
                await asyncio.sleep(_PAUSE)

    def _must_say_try_again(self, answer: httpx2.Response) -> None:
        problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        kind = answer.json()["type"] if problem else answer.text[:200]
        if kind not in _ASK_AGAIN:
            self._ledger.refused.append(f"a client was told {answer.status_code} {kind}")

    async def look(self, job_id: str) -> dict[str, Any] | None:
        """Read one job and note it; None if no answer came."""
        with suppress(httpx2.TransportError):
            answer = await self.http.get(f"{self.url()}/v1/jobs/{job_id}")
            if answer.status_code == 200:
                job: dict[str, Any] = answer.json()
                self._ledger.note_sight(job)
                return job
            if answer.status_code != 503:
                told = f"{answer.status_code} {answer.text[:200]}"
                self._ledger.refused.append(f"asking for job {job_id} was answered {told}")
        return None

    async def cancel(self, job_id: str, *, within: float = 60) -> None:
        """Ask for a job to be cancelled until somebody answers that it is, was, or has ended."""
        self._ledger.cancelled[job_id] = math.inf  # it may take effect without an answer
        async with asyncio.timeout(within):
            while True:
                with suppress(httpx2.TransportError):
                    answer = await self.http.post(f"{self.url()}/v1/jobs/{job_id}/cancel")
                    if answer.status_code in (200, 202, 409):
                        if answer.status_code == 200:
                            self._ledger.cancelled[job_id] = time.monotonic()
                        return
                    self._must_say_try_again(answer)
                await asyncio.sleep(_PAUSE)

    async def look_at_all(self) -> None:
        """Read every accepted job, eight at a time."""
        ids = iter([job_id for ids in self._ledger.accepted.values() for job_id in ids])

        async def look_at_some() -> None:
            for job_id in ids:
                await self.look(job_id)

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(look_at_some())
