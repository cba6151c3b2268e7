"""Known bugs, put into a process when it starts, to show that the suite would find them.

Each is a mistake that a service like this one makes easily.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from bson import Int64

from shared.infrastructure import writes

_RINGING = ("BellRinger", "Rung")
AHEAD_S = 3600.0  # of the clock that `local-clock` trusts


def switch_on(bug: str, module: str) -> None:
    """Put the bug in, where it makes sense."""
    if bug != "no-reread" or module == "api":
        BUGS[bug]()


def _named(module: str, kind: str) -> Any:
    """Import late: what a bug changes in one module must be so before another imports it."""
    return getattr(import_module(module), kind)


def ack_first() -> None:
    """Bells are acknowledged when they come: who dies before the claim takes them along."""
    consumer = _named("shared.infrastructure.bell_consumer", "BellConsumer")
    bell_kind = _named("shared.infrastructure.bell_consumer", "Bell")
    init = consumer.__init__
    acks: set[asyncio.Future[None]] = set()

    def hasty(self: Any, *arguments: Any, on_bell: Callable[[Any], None], **options: Any) -> None:
        async def ack_then_hear(bell: Any) -> None:
            await bell.delivery.ack()
            on_bell(bell)

        def hear(bell: Any) -> None:
            acks.add(asyncio.ensure_future(ack_then_hear(bell)))

        init(self, *arguments, on_bell=hear, **options)

    async def nothing(bell: Any) -> None:
        del bell

    consumer.__init__ = hasty
    bell_kind.ack = bell_kind.give_back = nothing


def no_token() -> None:
    """Ends are written by id and status: a worker that lost its job still ends it."""
    encoded = writes.encoded

    def careless(document: dict[str, Any]) -> Any:
        if "q" in document:
            document = {**document, "q": {**document["q"]}}
            document["q"].pop("claim.token", None)
        return encoded(document)

    writes.encoded = careless


def confirm_ignored() -> None:
    """A bell counts as confirmed once it was handed to the library."""
    kind, rung = (_named("shared.infrastructure.bell_ringer", each) for each in _RINGING)
    ring = kind.ring
    under_way: set[asyncio.Future[Any]] = set()

    async def sure(ringer: Any, queue: str, ids: Sequence[str], **options: Any) -> Any:
        under_way.add(asyncio.ensure_future(ring(ringer, queue, ids, **options)))
        return rung.CONFIRMED

    kind.ring = sure


def local_clock() -> None:
    """The keeper judges leases by its own machine's clock, which is an hour ahead."""

    async def bury_expired(workers: Any) -> list[str]:
        now = datetime.fromtimestamp(time.time() + AHEAD_S, UTC)
        late = [row["_id"] for row in await workers.live() if row["lease_until"] < now]
        return [worker for worker in late if await workers.bury(worker)]

    _named("shared.infrastructure.workers", "Workers").bury_expired = bury_expired


def no_reread() -> None:
    """The gateway trusts that every hint arrives, and never looks again."""

    async def never(hub: Any) -> None:
        del hub
        await asyncio.Event().wait()

    _named("api.hub", "Hub")._reread = never


def counter_of_parents() -> None:
    """Each end that is told of takes one open parent off a child, whichever that is."""
    kind = _named("shared.infrastructure.workflow.graphs", "Graphs")
    pass_on = kind.pass_on

    async def take_one(nodes: Any, node: str) -> None:
        found = await nodes.find_one({"_id": node}, {"open": 1})
        words = found["open"] if found else []
        for number, word in enumerate(words):
            if word:
                lowest_gone = Int64(word & (word - 1))
                await nodes.update_one({"_id": node}, {"$set": {f"open.{number}": lowest_gone}})
                return

    async def counting(graphs: Any, news: Any, ends: Any) -> None:
        for node, by_signal in news.items():
            for places in by_signal.values():
                for _ in places:
                    await take_one(graphs._nodes, node)
        await pass_on(graphs, {}, ends)

    kind.pass_on = counting


BUGS: dict[str, Callable[[], None]] = {
    "ack-first": ack_first,
    "no-token": no_token,
    "confirm-ignored": confirm_ignored,
    "local-clock": local_clock,
    "no-reread": no_reread,
    "counter-of-parents": counter_of_parents,
}
