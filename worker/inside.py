"""Calls inside running jobs that wait for a limit: in order within this process.

A call that waits holds a slot and perhaps a connection, so it goes before jobs that have not begun.
"""

import asyncio
from collections import deque

from shared.contracts.errors import WarrenError
from shared.contracts.limits.names import Charge
from worker.turns import Granted, NoRoom, Turns

_AHEAD_MS = 2000.0  # turns are taken so far ahead; a worker that dies wastes no more
_LONGEST_SLEEP = 2.0  # seconds: rates change
_AT_ONCE = 32


class Waiter:
    """One call that waits."""

    __slots__ = ("charge", "turn")

    def __init__(self, charge: Charge) -> None:
        self.charge = charge
        self.turn: asyncio.Future[Granted] = asyncio.get_running_loop().create_future()


class Inside:
    """Takes turns for calls; a line for each limit, served while somebody stands in it."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._lines: dict[str, deque[Waiter]] = {}
        self._serving: dict[str, asyncio.Task[None]] = {}

    async def turn(self, charge: Charge) -> Granted:
        """Return at the instant at which the call may begin."""
        first = False
        while True:
            granted = await self._in_line(charge, first=first)
            await self._turns.clock.wait_until(granted.at)
            if self._turns.on_time(granted):
                return granted
            await self._turns.give_back(granted)  # its turn has lapsed
            first = True  # it has waited already

    async def _in_line(self, charge: Charge, *, first: bool) -> Granted:
        waiter = Waiter(charge)
        line = self._lines.setdefault(charge.name, deque())
        (line.appendleft if first else line.append)(waiter)
        if charge.name not in self._serving:
            self._serving[charge.name] = asyncio.create_task(self._serve(charge.name))
        try:
            return await waiter.turn
        finally:
            if waiter in line:  # the task was cut short
                line.remove(waiter)

    async def _serve(self, name: str) -> None:
        line = self._lines[name]
        try:
            while line:
                refused = await self._ask_for([line[n] for n in range(min(_AT_ONCE, len(line)))])
                if refused is not None:
                    left = refused.turn_at.timestamp() - self._turns.clock.now() / 1000
                    soon = max(0.01, left - _AHEAD_MS / 2000)
                    await asyncio.sleep(min(_LONGEST_SLEEP, soon))
        except WarrenError as error:  # whoever waits must hear of it
            for waiter in line:
                if not waiter.turn.done():
                    waiter.turn.set_exception(error)
            line.clear()
        finally:
            del self._serving[name]

    async def _ask_for(self, waiters: list[Waiter]) -> NoRoom | None:
        """Give turns to those for whom there is room; return why not to the first of the others."""
        answers = await asyncio.gather(*(self._try(waiter.charge) for waiter in waiters))
        refused = None
        for waiter, answer in zip(waiters, answers, strict=True):
            if isinstance(answer, NoRoom):
                refused = refused or answer
            elif waiter.turn.done():  # it left meanwhile
                await self._turns.give_back(answer)
            else:
                self._lines[waiter.charge.name].remove(waiter)
                waiter.turn.set_result(answer)
        return refused

    async def _try(self, charge: Charge) -> Granted | NoRoom:
        try:
            return await self._turns.ask(charge, called=True, ahead=_AHEAD_MS)
        except NoRoom as error:
            return error
