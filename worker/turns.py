"""Turns from limits for what runs in this process: jobs that begin, and calls inside of them.

Everybody who asks while an answer is under way is asked for together in the next step, one update
for each limit. A job gets a turn at most a moment ahead, and begins exactly then; else
it goes back into the limit's line. A call inside a job waits here, as long as it takes.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from shared.contracts.errors import StoreUnavailable
from shared.contracts.limits.bucket import Ask, Turn
from shared.contracts.limits.names import Charge
from shared.contracts.limits.pace import FREE_SLACK_MS
from shared.contracts.record import record
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.limit_documents import instant
from shared.infrastructure.limit_turns import LimitTurns, Taken
from shared.infrastructure.limits import Limits
from shared.infrastructure.logs import get_logger
from shared.infrastructure.writes import until_stored
from worker.store_clock import StoreClock

log = get_logger(__name__)

AHEAD_MS = 600.0  # a claimed job waits here for a turn that comes so soon
_TRIES = 3  # turns that a busy process may miss, before the job goes elsewhere
_ROUNDS = 4  # of finding one instant at which several limits have room
_ON_TIME = 0.8  # of the slack: what is left is for the clock, and for the task's first line
_UNDEFINED_LASTS = 2.0  # seconds until a limit that nobody defined is looked for again
_MOST_UNDEFINED = 10_000
_MOST_LEAD_MS = 100.0
_LINE_LASTS = 0.5  # seconds after a refusal; the keeper takes no line for gone so soon


class NoRoom(Exception):
    """A limit has no room for a job now."""

    def __init__(self, limit: str, turn_at: datetime) -> None:
        super().__init__(f"limit {limit} has no room before {turn_at}")
        self.limit = limit
        self.turn_at = turn_at


@record
class Granted:
    """A turn of one limit that is ours to use at `at`, or at most `slack` later (milliseconds).

    `at` is 0 if nobody has defined the limit.
    """

    charge: Charge
    at: float
    slack: float


class Asking:
    """One ask on its way, and what came of it."""

    __slots__ = ("answer", "ask", "limit", "slack")

    def __init__(self, limit: str, ask: Ask) -> None:
        self.limit = limit
        self.ask = ask
        self.answer = Turn(granted=False, at=0.0)
        self.slack = FREE_SLACK_MS


class Sent(NamedTuple):
    """An ask, and when it is answered; None if nobody defines the limit."""

    charge: Charge
    asking: Asking | None
    answered: "asyncio.Future[None] | None"


class Turns:
    """Takes turns for this process, whose id is `worker`."""

    def __init__(
        self, turns: LimitTurns, limits: Limits, clock: StoreClock, *, worker: str
    ) -> None:
        self._turns = turns
        self._limits = limits
        self.clock = clock
        self._worker = worker.replace("-", "")
        self._undefined: dict[str, float] = {}  # until when, on our clock
        self._refused: dict[str, float] = {}  # when a newcomer was, on our clock
        self._took: deque[float] = deque([20.0], maxlen=20)  # milliseconds, of the last answers
        self.asking = GroupCommit[Asking](self._ask_all, most=256)

    def lined(self) -> list[str]:
        """Return the limits in front of which jobs stand in line, as far as we heard just now."""
        since = time.monotonic() - _LINE_LASTS
        self._refused = {name: at for name, at in self._refused.items() if at > since}
        return list(self._refused)

    async def enter(self, charges: Sequence[Charge], *, called: bool) -> list[Granted]:
        """Return at the instant at which a job may begin; raise NoRoom if that is far.

        `called` says that it stood in line before.
        """
        for _ in range(_TRIES):
            granted = await self._together(charges, called=called)
            at = max(each.at for each in granted)
            await self.clock.wait_until(at)
            if all(self.on_time(each) for each in granted):
                return granted
            for each in granted:  # its turn has lapsed
                await self.give_back(each)
            called = True  # but it has waited for one
        raise NoRoom(charges[0].name, instant(self.clock.now()))

    async def _together(self, charges: Sequence[Charge], *, called: bool) -> list[Granted]:
        """Take a turn of each limit, all of them at about one instant, or none."""
        newcomer = len(charges) > 1 and not called
        taken = await self._all_at_once(charges) if newcomer else {}
        at = max((turn.at for turn in taken.values()), default=0.0)
        try:
            for _ in range(_ROUNDS):
                for charge in charges:
                    known = taken.get(charge.name)
                    if known is not None and at - known.at <= known.slack / 2:
                        continue
                    if known is not None:
                        await self.give_back(taken.pop(charge.name))
                    turn = await self.ask(charge, called=called, not_before=at)
                    taken[charge.name] = turn
                    at = max(at, turn.at)
                if all(at - each.at <= each.slack / 2 for each in taken.values()):
                    return list(taken.values())
            raise NoRoom(charges[0].name, instant(at))
        except NoRoom:
            for turn in taken.values():
                await self.give_back(turn)
            raise

    async def _all_at_once(self, charges: Sequence[Charge]) -> dict[str, Granted]:
        """Take the next turn of each limit, or none: quick where nobody waits, as is likely."""
        sent = [self._send(charge, called=False) for charge in charges]
        taken: dict[str, Granted] = {}
        refusal: NoRoom | None = None
        for each in sent:
            try:
                turn = await self._answer(each)
            except NoRoom as error:
                refusal = refusal or error
            else:
                taken[turn.charge.name] = turn
        if refusal is not None:
            for turn in taken.values():
                await self.give_back(turn)
            raise refusal
        return taken

    async def ask(
        self,
        charge: Charge,
        *,
        called: bool,
        not_before: float = 0.0,
        ahead: float = AHEAD_MS,
    ) -> Granted:
        """Take one turn; raise NoRoom."""
        return await self._answer(
            self._send(charge, called=called, not_before=not_before, ahead=ahead)
        )

    def _send(
        self,
        charge: Charge,
        *,
        called: bool,
        not_before: float = 0.0,
        ahead: float = AHEAD_MS,
    ) -> Sent:
        if self._undefined.get(charge.name, 0.0) > time.monotonic():
            return Sent(charge, None, None)
        ask = Ask(
            cost=charge.cost,
            ahead=ahead,
            not_before=not_before,
            lead=min(_MOST_LEAD_MS, 1.2 * max(self._took)),
            called=called,
        )
        asking = Asking(charge.name, ask)
        return Sent(charge, asking, self.asking.put(asking))

    async def _answer(self, sent: Sent) -> Granted:
        charge, asking, answered = sent
        if asking is None or answered is None:
            return Granted(charge=charge, at=0.0, slack=FREE_SLACK_MS)
        await answered
        if not asking.answer.granted:
            if not asking.ask.called:
                self._refused[charge.name] = time.monotonic()
            raise NoRoom(charge.name, instant(asking.answer.at))
        return Granted(charge=charge, at=asking.answer.at, slack=asking.slack)

    def on_time(self, turn: Granted) -> bool:
        """Say whether it is not too late to use a turn."""
        return self.clock.latest() - turn.at <= _ON_TIME * turn.slack or not turn.at

    async def give_back(self, turn: Granted) -> None:
        """Return what was taken and is not used. Sent once: given back twice would be too much."""
        with suppress(StoreUnavailable):
            await self.correct(turn, -turn.charge.cost)

    async def correct(self, turn: Granted, difference: float) -> None:
        """Charge more, or less, for a turn; raise StoreUnavailable."""
        if turn.at:  # else nobody has defined this limit
            await self._turns.correct(turn.charge.name, at=turn.at, difference=difference)

    async def _ask_all(self, batch: list[Asking]) -> None:
        by_limit: dict[str, list[Asking]] = {}
        for asking in batch:
            by_limit.setdefault(asking.limit, []).append(asking)
        await asyncio.gather(*(self._ask_one(*each) for each in by_limit.items()))

    async def _ask_one(self, limit: str, askings: Sequence[Asking]) -> None:
        taken = await self._take(limit, [each.ask for each in askings])
        for place, asking in enumerate(askings):
            asking.answer = taken.turns[place] if taken else Turn(granted=True, at=0.0)
            asking.slack = taken.slack if taken else FREE_SLACK_MS

    async def _take(self, limit: str, asks: Sequence[Ask]) -> Taken | None:
        """Return what came of the asks; None if nothing limits them."""
        taken = await self._take_if_there(limit, asks)
        if taken is None and await until_stored(lambda: self._limits.make(limit)):
            taken = await self._take_if_there(limit, asks)
        if taken is None:
            if len(self._undefined) >= _MOST_UNDEFINED:
                self._undefined.clear()
            self._undefined[limit] = time.monotonic() + _UNDEFINED_LASTS
            log.warning("limit.undefined", limit=limit, advice=f"PUT /v1/limits/{limit}")
        return taken

    async def _take_if_there(self, limit: str, asks: Sequence[Ask]) -> Taken | None:
        batch = uuid4().hex
        began = time.monotonic()
        taken = await until_stored(
            lambda: self._turns.take(limit, asks, owner=self._worker, batch=batch)
        )
        self._took.append((time.monotonic() - began) * 1000)
        if taken is not None:
            self.clock.observe(taken.now, asked_at=began)
        return taken
