"""Watching jobs over a real WebSocket, connecting again whenever the connection is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import reconnect
from websockets.typing import Subprotocol

from warren.errors import Problem
from warren.job_view import Event, JobView
from warren.problems import problem_of
from warren.talk import Answer
from warren.watching import SUBPROTOCOL, Watch, may_pass, refusal

if TYPE_CHECKING:
    from warren.address import Address
    from warren.async_client import AsyncClient
    from warren.client import Client
    from warren.patience import Patience, Tries

_LOST = (OSError, ConnectionClosed, InvalidHandshake, Problem)
_ACK_WITHIN_S = 10.0
_MOST_BYTES = 64 * 1024 * 1024
_PROTOCOLS = [Subprotocol(SUBPROTOCOL)]


def watch(client: Client, subject: Watch) -> Generator[Event, None, None]:
    """Yield what happens; raises Unreachable after the client's patience without a connection."""
    tries = client.patience.begin()
    while not subject.over:
        try:
            with closing(_listen(client, subject)) as events:
                yield from events
        except _LOST as error:
            tries = _fresh(tries, client.patience, subject)
            time.sleep(tries.pause(_verdict(client.address, error)).seconds)


def _listen(client: Client, subject: Watch) -> Generator[Event, None, None]:
    address = client.address
    with reconnect(
        address.websocket,
        subprotocols=_PROTOCOLS,
        additional_headers=address.headers,
        max_size=_MOST_BYTES,
    ) as socket:
        subject.connected()
        while not subject.over:
            for frame in subject.outbox():
                socket.send(frame)
            event = subject.heard(socket.recv(None if subject.acknowledged else _ACK_WITHIN_S))
            if event:
                yield event
            if subject.behind:
                yield from _catch_up(client, subject)


def _catch_up(client: Client, subject: Watch) -> Generator[Event, None, None]:
    for job in _reread(client, subject):
        if event := subject.caught_up(job):
            yield event
    subject.even()


def _reread(client: Client, subject: Watch) -> Generator[JobView, None, None]:
    for job_id in subject.to_reread():
        try:
            yield client.get(job_id)
        except Problem as problem:
            subject.lost_sight(job_id, problem)
    filters = subject.to_list()
    if filters is not None:
        yield from client.list(**filters)


async def watch_async(client: AsyncClient, subject: Watch) -> AsyncGenerator[Event, None]:
    """`watch` for async code."""
    tries = client.patience.begin()
    while not subject.over:
        try:
            async with aclosing(_listen_async(client, subject)) as events:
                async for event in events:
                    yield event
        except _LOST as error:
            tries = _fresh(tries, client.patience, subject)
            await asyncio.sleep(tries.pause(_verdict(client.address, error)).seconds)


async def _listen_async(client: AsyncClient, subject: Watch) -> AsyncGenerator[Event, None]:
    address = client.address
    async with connect(
        address.websocket,
        subprotocols=_PROTOCOLS,
        additional_headers=address.headers,
        max_size=_MOST_BYTES,
    ) as socket:
        subject.connected()
        while not subject.over:
            for frame in subject.outbox():
                await socket.send(frame)
            async with asyncio.timeout(None if subject.acknowledged else _ACK_WITHIN_S):
                frame_in = await socket.recv()
            if event := subject.heard(frame_in):
                yield event
            if subject.behind:
                async with aclosing(_catch_up_async(client, subject)) as missed:
                    async for event in missed:
                        yield event


async def _catch_up_async(client: AsyncClient, subject: Watch) -> AsyncGenerator[Event, None]:
    async with aclosing(_reread_async(client, subject)) as jobs:
        async for job in jobs:
            if event := subject.caught_up(job):
                yield event
    subject.even()


async def _reread_async(client: AsyncClient, subject: Watch) -> AsyncGenerator[JobView, None]:
    for job_id in subject.to_reread():
        try:
            yield await client.get(job_id)
        except Problem as problem:
            subject.lost_sight(job_id, problem)
    filters = subject.to_list()
    if filters is not None:
        async for job in client.list(**filters):
            yield job


def _fresh(tries: Tries, patience: Patience, subject: Watch) -> Tries:
    # A connection that was accepted ends the run of failures, however long it lasted.
    accepted, subject.acknowledged = subject.acknowledged, False
    return patience.begin() if accepted else tries


def _verdict(address: Address, error: Exception) -> Exception:
    """The error to end with if patience runs out; raises it now if trying again cannot help."""
    problem = _problem_in(error)
    if problem is not None and not may_pass(problem.status):
        raise problem
    return problem or address.unreachable(error)


def _problem_in(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    if isinstance(error, ConnectionClosed):
        return refusal(error.rcvd.code) if error.rcvd else None
    if isinstance(error, InvalidStatus):
        return problem_of(Answer(error.response.status_code, {}, bytes(error.response.body)))
    return None
