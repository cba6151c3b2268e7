"""From bells to running jobs: claim what fits the free slots, then acknowledge, then run."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from uuid import uuid4

from shared.contracts.attempt import Claim
from shared.contracts.bands import parts_of
from shared.contracts.bells import into_bells
from shared.contracts.errors import LeaseLost
from shared.contracts.job import Job
from shared.infrastructure.bell_consumer import Bell, BellConsumer
from shared.infrastructure.bell_ringer import BellRinger, Rung
from shared.infrastructure.heartbeat import Heartbeat
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.logs import get_logger
from shared.infrastructure.writes import until_stored
from worker.bells_in_hand import BellsInHand
from worker.own_bell import OwnBell
from worker.slots import Slots

log = get_logger(__name__)

_MOST_AT_ONCE = 256  # ids in one claim
_PATIENCE_WHEN_FULL = 0.05  # seconds a bell may stay open while all slots are taken
_PATIENCE_FOR_BEST = 0.02  # seconds in which the best that was left should have come back


@dataclass(frozen=True, slots=True)
class Tools:
    """What the consumer works with."""

    claims: JobClaims
    ringer: BellRinger
    heartbeat: Heartbeat
    slots: Slots


class Consumer:
    """Opens bells only while slots are free, so that nothing runnable waits in a busy worker."""

    def __init__(self, worker: str, tools: Tools, start: Callable[[Job], None]) -> None:
        self._worker = worker
        self._tools = tools
        self._start = start
        self._bells = BellsInHand()
        self._heard = asyncio.Event()
        self._left: set[int] = set()  # priorities of bells that others may have while we are busy
        self.draining = False
        self.finished: dict[str, int] = {}  # by band, when the newest finished bell was rung (ms)
        self.claiming = asyncio.Lock()  # held from a claim until its jobs have started

    def hear(self, bell: Bell | OwnBell) -> None:
        """Take a delivery; it is settled by `run`, or given back."""
        self._bells.add(bell)
        self._heard.set()

    def forget(self) -> None:
        """Drop what came over a lost connection: the broker will deliver it again."""
        self._bells.keep_own()

    @property
    def waiting(self) -> int | None:
        """Return the highest priority of what waits for a slot here, if anything does."""
        return max((*self._bells.priorities, *self._left), default=None)

    async def run(self, source: BellConsumer) -> None:
        """Claim and start jobs until cancelled; raise LeaseLost if we must not claim any more."""
        while True:
            await self._heard.wait()
            if not self._bells:
                self._heard.clear()
            elif self.draining:
                await self.give_all_back()
            elif await self._tools.slots.wait_for_one(_PATIENCE_WHEN_FULL):
                async with self.claiming:
                    await self._claim_some()
            else:
                await self._stand_aside(source)

    async def drain(self, source: BellConsumer) -> None:
        """Take no more jobs; what has been claimed runs on."""
        self.draining = True
        self._heard.set()
        await source.pause()

    async def give_all_back(self) -> None:
        """Settle the bells in hand so that another worker can open them."""
        while self._bells:
            bell = self._bells.take_first()
            await bell.give_back()

    async def _claim_some(self) -> None:
        if not self._tools.heartbeat.proven:
            raise LeaseLost(f"worker {self._worker} cannot prove its lease")
        ids, opened = self._take(min(self._tools.slots.free, _MOST_AT_ONCE))
        claim = Claim(token=uuid4().hex, worker=self._worker)
        won = await until_stored(lambda: self._tools.claims.claim(ids, claim))
        for job in won:
            self._tools.slots.take()
            self._start(job)
        if len(won) < len(ids):  # done, claimed by others, or of a task that we do not know
            await until_stored(lambda: self._tools.claims.leave_to_others(ids))
        for bell in opened:
            await bell.ack()
            self._note(bell)

    def _note(self, bell: Bell | OwnBell) -> None:
        if bell.rung_at is not None:
            rung_at = int(bell.rung_at.timestamp() * 1000)
            self.finished[bell.queue] = max(rung_at, self.finished.get(bell.queue, 0))

    def _take(self, most: int) -> tuple[list[str], list[Bell | OwnBell]]:
        """Return up to `most` ids, each once, and the bells that hold no more of them."""
        ids: dict[str, None] = {}
        emptied: list[Bell | OwnBell] = []
        while self._bells and len(ids) < most:
            bell = self._bells.first
            room = most - len(ids)
            ids |= dict.fromkeys(islice(bell.ids, room))
            bell.ids = bell.ids[room:]
            if not bell.ids:
                emptied.append(self._bells.take_first())
        return list(ids), emptied

    async def _stand_aside(self, source: BellConsumer) -> None:
        """All slots are taken: leave bells to others until one is free.

        We go on to listen where nothing comes: that costs nothing, and once a slot is free only
        what was left has to be asked for again, the highest band first.
        """
        while self._tools.slots.free <= 0:
            self._heard.clear()
            bells = self._bells.take_all()
            self._left.update(parts_of(bell.queue)[1] for bell in bells)
            await source.leave({bell.queue for bell in bells})
            for bell in bells:  # only now: else they would come back to us at once, for ever
                await self._pass_on(bell)
            if not self._bells:
                await self._tools.slots.wait_for_one_or(self._heard)
        best = max(self._left, default=0)
        self._left.clear()
        if not self.draining:
            await source.resume()
            await self._hear_again(best)

    async def _hear_again(self, best: int) -> None:
        """Wait a moment for a bell of this priority: those of several bands come in any order."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_FOR_BEST):
                while max(self._bells.priorities, default=-1) < best:
                    self._heard.clear()
                    await self._heard.wait()
        self._heard.set()

    async def _pass_on(self, bell: Bell | OwnBell) -> None:
        """Ring anew for the ids that are left, so that those claimed are not asked for again."""
        for ids in into_bells(bell.ids):
            if await self._tools.ringer.ring(bell.queue, ids) is not Rung.CONFIRMED:
                await bell.give_back()
                return
        await bell.ack()
