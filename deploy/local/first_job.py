"""One job through the whole service, as any client would send it: HTTP in, WebSocket out."""

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

SUBPROTOCOL = Subprotocol("warren.v1")
WITHIN = timedelta(seconds=20)
SUBMISSION = {"task": "math.add", "input": {"x": 1, "y": 2}}


class FirstJobFailed(Exception):
    """The service runs but did not carry a job to its end; the message says where it stopped."""


@dataclass(frozen=True)
class Pushed:
    """The end of a job as the WebSocket told it, and how long after the submission it came."""

    job: dict[str, Any]
    after: timedelta


async def run_first_job(url: str, websocket_url: str) -> Pushed:
    """Submit a job and wait until its end is pushed; raises FirstJobFailed."""
    try:
        async with (
            asyncio.timeout(WITHIN.total_seconds()),
            httpx2.AsyncClient(base_url=url, trust_env=False) as http,
            connect(websocket_url, subprotocols=[SUBPROTOCOL], proxy=None) as socket,
        ):
            await _say(socket, {"type": "connection_init"})
            await _hear(socket, "connection_ack")
            began = time.monotonic()
            job = await _submit(http)
            await _say(socket, {"type": "subscribe", "id": "first", "job": job["id"]})
            end = await _end_of_job(socket)
            return Pushed(end, timedelta(seconds=time.monotonic() - began))
    except TimeoutError as error:
        seconds = WITHIN.total_seconds()
        raise FirstJobFailed(f"the first job had no end after {seconds:.0f} seconds") from error


async def _submit(http: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await http.post("/v1/jobs", json=SUBMISSION)
    if answer.status_code != httpx2.codes.ACCEPTED:
        raise FirstJobFailed(
            f"the first job was answered with {answer.status_code}: {answer.text[:300]}"
        )
    job: dict[str, Any] = answer.json()
    return job


async def _end_of_job(socket: ClientConnection) -> dict[str, Any]:
    while True:
        job: dict[str, Any] = (await _hear(socket, "next"))["job"]
        if job["done"]:
            return job


async def _say(socket: ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(json.dumps(message))


async def _hear(socket: ClientConnection, kind: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.recv())
    if message["type"] != kind:
        raise FirstJobFailed(f"the WebSocket said {message} where {kind} was expected")
    return message


def curl_line(url: str) -> str:
    """The command that repeats the first job from a shell and waits for its end."""
    return (
        f"curl -s {url}/v1/jobs -H 'Content-Type: application/json' -H 'Prefer: wait=5' "
        f"-d '{json.dumps(SUBMISSION)}'"
    )
