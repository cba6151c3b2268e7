"""Closed-loop load: each of the clients posts its next job once the last is answered."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.http import Connection, Response

CLIENTS = 64


@dataclass(frozen=True)
class Submitted:
    """Every answer, in the order of the requests, with begin and end (monotonic seconds)."""

    responses: list[Response]
    began: float
    ended: float


async def submit(
    host: str, port: int, requests: Sequence[bytes], clients: int = CLIENTS
) -> Submitted:
    """Post every request exactly once through `clients` connections that were opened before."""
    connections = [await Connection.open(host, port) for _ in range(clients)]
    responses: list[Response | None] = [None] * len(requests)
    turn = iter(range(len(requests)))
    try:
        with quiet():
            began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for connection in connections:
                    group.create_task(_client(connection, requests, responses, turn))
            ended = time.monotonic()
    finally:
        for connection in connections:
            connection.close()
    return Submitted([r for r in responses if r is not None], began, ended)


async def _client(
    connection: Connection,
    requests: Sequence[bytes],
    responses: list[Response | None],
    turn: Iterator[int],
) -> None:
    for index in turn:
        responses[index] = await connection.request(requests[index])


@contextmanager
def quiet() -> Iterator[None]:
    """No garbage collection in the load generator while the clock runs."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
