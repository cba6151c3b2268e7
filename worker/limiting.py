"""What limits mean to an attempt: it begins when they have room, or its job stands in line."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.contracts.limits.names import LONGEST, Charge, filled
from shared.contracts.limits.report import Heard
from shared.contracts.moves import Move
from shared.infrastructure.end_statements import End
from shared.infrastructure.hint_sender import HintSender
from worker.attempt import Attempt
from worker.inside import Inside
from worker.outcomes import Outcomes, heard_of
from worker.turns import Granted, NoRoom, Turns

_LOOKS = 0.2  # seconds between two looks of a waiting thread at whether it should stop


class Limiting:
    """Lets attempts of limited jobs in, and calls inside of any; hears how both went."""

    def __init__(self, turns: Turns, outcomes: Outcomes, hints: HintSender) -> None:
        self._turns = turns
        self._inside = Inside(turns)
        self._outcomes = outcomes
        self._hints = hints
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()  # of the loop

    async def enter(self, attempt: Attempt, given: dict[str, Any]) -> None:
        """Return at the instant at which the attempt may begin, with the input `given`.

        Raises NoRoom if that is far.
        """
        job = attempt.job
        charges = [filled(charge, given) for charge in job.limits]
        attempt.turns = await self._turns.enter(charges, called=job.line is not None)
        self._hints.tell([hint_of(job)], can_wait=True)

    async def leave(self, attempt: Attempt) -> None:
        """Give back the turns of an attempt that does not begin after all."""
        for turn in attempt.turns:
            await self._turns.give_back(turn)
        attempt.turns = ()

    def ended(self, attempt: Attempt, error: BaseException | None) -> None:
        """Take how an attempt went that its limits let in."""
        if not attempt.turns and not attempt.leases:
            return
        heard, pause_s = heard_of(error)
        if heard is Heard.CLEAN and attempt.saw_outage:
            heard = Heard.OUTAGE
        if isinstance(error, asyncio.CancelledError):
            return  # nobody knows what the other side would have said
        for turn in attempt.turns:
            self._outcomes.note(turn, heard, pause_s=pause_s)
        if heard is Heard.THROTTLED and not attempt.turns:
            for turn in attempt.leases[-1:]:  # the last call is the one that was refused
                self._outcomes.note(turn, heard, pause_s=pause_s)

    def lease(self, attempt: Attempt, name: str, cost: float) -> "Taking":
        """Take from a limit inside a task. In a thread, return once that is done."""
        charge = Charge(name=_checked(name), cost=_cost(cost))
        taking = Taking(self, attempt, charge)
        if threading.get_ident() != self._thread:
            self._wait_in_thread(attempt, taking.wait())
        return taking

    async def take(self, attempt: Attempt, charge: Charge) -> Granted:
        """Return at the instant at which a call inside the attempt may begin."""
        turn = await self._inside.turn(charge)
        attempt.leases.append(turn)
        return turn

    def correct(self, turn: Granted, difference: float) -> None:
        """Charge a call more, or less; from any thread."""
        asyncio.run_coroutine_threadsafe(self._turns.correct(turn, difference), self._loop)

    def call_ended(self, attempt: Attempt, turn: Granted, error: BaseException | None) -> None:
        """Take how a call inside went; from any thread."""
        heard, pause_s = heard_of(error)
        if turn in attempt.leases:
            attempt.leases.remove(turn)
        if not isinstance(error, asyncio.CancelledError):
            self._loop.call_soon_threadsafe(self._note, turn, heard, pause_s)

    def _note(self, turn: Granted, heard: Heard, pause_s: float) -> None:
        self._outcomes.note(turn, heard, pause_s=pause_s)

    def _wait_in_thread(self, attempt: Attempt, waiting: Coroutine[Any, Any, None]) -> None:
        running = asyncio.run_coroutine_threadsafe(waiting, self._loop)
        while True:
            try:
                return running.result(_LOOKS)
            except TimeoutError:
                if running.done():
                    raise
            if attempt.cancelled:
                running.cancel()
                raise TimeoutError("the job should stop, and waits for a limit no longer")


class Taking:
    """One taking of a running task, in the form that the SDK asks for."""

    def __init__(self, limiting: Limiting, attempt: Attempt, charge: Charge) -> None:
        self._limiting = limiting
        self._attempt = attempt
        self._charge = charge
        self._turn: Granted | None = None

    async def wait(self) -> None:
        """Return once the taking may be used; at once if it may already."""
        if self._turn is None:
            self._turn = await self._limiting.take(self._attempt, self._charge)

    def correct(self, difference: float) -> None:
        """Charge so much more than was said, or less if it is negative."""
        if self._turn is not None:
            self._limiting.correct(self._turn, difference)

    def ended(self, error: BaseException | None) -> None:
        """Take how the call went."""
        if self._turn is not None:
            self._limiting.call_ended(self._attempt, self._turn, error)


def back_in_line(job: Job, error: NoRoom) -> End:
    """Return what becomes of a job that has to wait for its turn."""
    return End(job=job, verdict=Move.STAND_IN_LINE, line=error.limit, turn_at=error.turn_at)


def _checked(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST or "/" in name:
        raise ValueError(f"job.limit({name!r}): a limit has a name of 1 to {LONGEST} characters")
    return name


def _cost(cost: object) -> float:
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 < cost < 1e9:
        raise ValueError(f"job.limit(cost={cost!r}): it must be a number of tokens above 0")
    return float(cost)
