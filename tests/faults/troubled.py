"""A seeded fault injector around the ports to MongoDB and RabbitMQ.

Of the calls in trouble some fail before they did anything, some after they did everything (the
reply was dropped), some are late. Publishes may also come twice, and an ack may take its connection
with it, as a lost one does.
"""

import asyncio
import inspect
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any
from uuid import uuid4

from aio_pika.exchange import Exchange
from aio_pika.message import IncomingMessage
from pymongo.errors import AutoReconnect, NetworkTimeout

from shared.infrastructure import mongo

QUIET_S = 3.0  # at the start of a process: who cannot start at all tells us nothing
LATEST_S = 0.3
_CHAINED = ("sort", "limit", "hint", "skip", "batch_size", "max_time_ms", "comment")


class Trouble(Enum):
    """What happens to a call."""

    BEFORE = "it fails and has done nothing"
    AFTER = "it fails and has done everything"
    LATE = "it is late"


class Dice:
    """Decides for each call, the same way for the same seed."""

    def __init__(self, rate: float, seed: str) -> None:
        self._rate = rate
        self._random = random.Random(seed)
        self._quiet_until = time.monotonic() + QUIET_S

    def roll(self, rate: float = 1.0) -> Trouble | None:
        """Return what happens to this call; `rate` makes it rarer than others."""
        luck = self._random.random()
        if time.monotonic() < self._quiet_until or luck >= self._rate * rate:
            return None
        return self._random.choice(list(Trouble))

    async def pass_time(self) -> None:
        """Be late."""
        await asyncio.sleep(self._random.uniform(0, LATEST_S))


def switch_on(value: str, module: str) -> None:
    """Wrap both ports; `value` is RATE:SEED, or RATE:SEED:hints to lose every hint as well."""
    rate, seed, *also = value.split(":")
    dice = Dice(float(rate), f"{seed}/{module}")
    _wrap_mongo(dice)
    _wrap_rabbit(dice, lose_hints="hints" in also)


def _wrap_mongo(dice: Dice) -> None:
    open_mongo = mongo.open_mongo

    @asynccontextmanager
    async def troubled(settings: Any, *, app: str) -> AsyncIterator[Any]:
        async with open_mongo(settings, app=app) as database:
            yield Database(database, dice)

    mongo.open_mongo = troubled


class Database:
    """A database whose calls may be in trouble."""

    def __init__(self, database: Any, dice: Dice) -> None:
        self._database = database
        self._dice = dice

    def __getitem__(self, name: str) -> "Collection":
        return Collection(self._database[name], self._dice)

    def get_collection(self, name: str, **options: Any) -> "Collection":
        """Wrap the collection as well."""
        return Collection(self._database.get_collection(name, **options), self._dice)

    async def command(self, *arguments: Any, **options: Any) -> Any:
        """Run a command, perhaps in trouble."""
        return await _in_trouble(self._dice, lambda: self._database.command(*arguments, **options))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._database, name)
        return (
            found if callable(found) or name in ("client", "codec_options", "name") else self[name]
        )


class Collection:
    """A collection whose calls may be in trouble."""

    def __init__(self, collection: Any, dice: Dice) -> None:
        self._collection = collection
        self._dice = dice

    def find(self, *arguments: Any, **options: Any) -> "Cursor":
        """Return a cursor whose reading may be in trouble."""
        return Cursor(self._collection.find(*arguments, **options), self._dice)

    def with_options(self, **options: Any) -> "Collection":
        """Wrap what comes back."""
        return Collection(self._collection.with_options(**options), self._dice)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._collection, name)
        if not callable(found) or name in ("aggregate", "watch"):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            return await _in_trouble(self._dice, lambda: found(*arguments, **options))

        return call


class Cursor:
    """A cursor whose reading may be in trouble."""

    def __init__(self, cursor: Any, dice: Dice) -> None:
        self._cursor = cursor
        self._dice = dice

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._cursor, name)
        if name in _CHAINED:
            return lambda *arguments: Cursor(found(*arguments), self._dice)
        if name != "to_list":
            return found

        async def call(*arguments: Any) -> Any:
            return await _in_trouble(self._dice, lambda: found(*arguments))

        return call

    async def __aiter__(self) -> AsyncIterator[Any]:
        await _in_trouble(self._dice, _nothing)
        async for document in self._cursor:
            yield document


async def _in_trouble(dice: Dice, call: Callable[[], Any]) -> Any:
    trouble = dice.roll()
    if trouble is Trouble.BEFORE:
        raise AutoReconnect("injected: the call was never sent")
    if trouble is Trouble.LATE:
        await dice.pass_time()
    answer = call()
    if inspect.isawaitable(answer):
        answer = await answer
    if trouble is Trouble.AFTER:
        raise NetworkTimeout("injected: the reply was dropped")
    return answer


async def _nothing() -> None:
    return None


def _wrap_rabbit(dice: Dice, *, lose_hints: bool) -> None:
    Exchange.publish = _troubled_publish(dice, lose_hints)  # type: ignore[method-assign]
    IncomingMessage.ack = _troubled_ack(dice)  # type: ignore[method-assign]


def _troubled_publish(dice: Dice, lose_hints: bool) -> Any:
    publish = Exchange.publish

    async def troubled(exchange: Any, message: Any, routing_key: str, **options: Any) -> Any:
        if lose_hints and exchange.name.endswith(".events"):
            return None
        trouble = dice.roll()
        if trouble is Trouble.BEFORE:
            raise ConnectionError("injected: the message was never sent")
        if trouble is Trouble.LATE:  # and twice: a client that was in doubt has sent it again
            await dice.pass_time()
            await publish(exchange, message, routing_key, **options)
            message.message_id = uuid4().hex
        answer = await publish(exchange, message, routing_key, **options)
        if trouble is Trouble.AFTER:
            raise TimeoutError("injected: the confirm was dropped")
        return answer

    return troubled


def _troubled_ack(dice: Dice) -> Any:
    ack = IncomingMessage.ack

    async def troubled(delivery: Any, multiple: bool = False) -> None:
        trouble = dice.roll(rate=0.2)
        if trouble is Trouble.BEFORE:  # an ack is only lost together with its connection
            connection = delivery.channel.connection
            await connection.close(ConnectionError("injected: the connection broke"))
            raise ConnectionError("injected: the ack was never sent")
        if trouble is Trouble.LATE:
            await dice.pass_time()
        await ack(delivery, multiple)

    return troubled
