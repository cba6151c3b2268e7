"""The ports to RabbitMQ in memory."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from aio_pika.abc import AbstractIncomingMessage

from shared.contracts.events import Hint
from shared.infrastructure.bell_consumer import Bell, BellConsumer
from shared.infrastructure.bell_ringer import BellRinger, Rung
from shared.infrastructure.hint_feed import HintFeed
from shared.infrastructure.hint_sender import HintSender
from tests.fakes.store import Journal


class FakeLink:
    """A connection that is up or not, as the test says."""

    def __init__(self) -> None:
        self.up = True

    async def wait_up(self) -> None:
        """Return at once."""


class FakeRinger(BellRinger):
    """Notes bells in a journal; answers CONFIRMED unless told otherwise."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.answer = Rung.CONFIRMED
        self.link = cast(Any, FakeLink())

    async def ring(self, band: str, ids: Sequence[str], *, task: str = "") -> Rung:
        self._journal.append(("ring", list(ids)))
        return self.answer


class FakeHints(HintSender):
    """Keeps what was told."""

    def __init__(self) -> None:
        self.told: list[Hint] = []
        self.due: list[timedelta] = []
        self.link = cast(Any, FakeLink())

    def tell(self, hints: Iterable[Hint], *, can_wait: bool = False) -> None:
        self.told += hints

    def tell_of_new(self, hints: Iterable[Hint]) -> None:
        self.told += hints

    def tell_due(self, delays: Iterable[timedelta]) -> None:
        self.due += delays


class FakeFeed(HintFeed):
    """Counts who wants what; `before_live` runs in the moment before a key is bound."""

    def __init__(self) -> None:
        self.wanted: dict[str, int] = {}

    async def want(self, key: str) -> None:
        self.wanted[key] = self.wanted.get(key, 0) + 1

    def release(self, key: str) -> None:
        self.wanted[key] -= 1


class FakeSource(BellConsumer):
    """Notes pauses in a journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.link = cast(Any, FakeLink())

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeSource"]:
        yield self

    async def rebuild_if_deaf(self) -> None:
        pass

    async def pause(self) -> None:
        self._journal.append(("pause", None))

    async def leave(self, bands: Iterable[str]) -> None:
        self._journal.append(("leave queues", sorted(bands)))

    async def resume(self) -> None:
        self._journal.append(("resume", None))


@dataclass
class FakeDelivery:
    """A message whose fate goes into a journal."""

    journal: Journal
    ids: list[str] = field(default_factory=list)

    async def ack(self) -> None:
        """Note that it was acknowledged."""
        self.journal.append(("ack", self.ids))

    async def nack(self, *, requeue: bool) -> None:
        """Note that it was given back."""
        assert requeue
        self.journal.append(("give back", self.ids))


def a_bell(journal: Journal, *ids: str, queue: str = "default") -> Bell:
    """A bell as the consumer hears it."""
    delivery = FakeDelivery(journal, list(ids))
    return Bell(queue, list(ids), cast(AbstractIncomingMessage, delivery))
