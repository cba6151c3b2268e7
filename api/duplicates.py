"""Admitting submissions that may be equal to others: to a job of their own, or to the earlier one.

Whoever finds the slot free, or held by a job that does not count any more, stores a job that holds
it; a unique index lets one of many win. The others find that job when they look again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from api.metrics import DUPLICATES
from shared.contracts.duplicates import Answer, Rule, Verdict, judged, judged_renewal
from shared.contracts.errors import StoreUnavailable
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_slots import Held, JobSlots

_PATIENCE = 5.0  # seconds
_SHORTEST_PAUSE = 0.002  # seconds, until what another wrote is known to a majority
_LONGEST_PAUSE = 0.1

_WITHOUT_A_RUN = (Answer.HIT, Answer.JOINED, Answer.EXISTING)

Store = Callable[[Job], Awaitable[bool]]
"""Stores a job and announces it; says False if another holds its slot."""


class Duplicates:
    """Decides what becomes of a submission that has a slot."""

    def __init__(
        self,
        slots: JobSlots,
        moves: JobMoves,
        hints: HintSender,
        *,
        store: Store,
        announce: Callable[[list[Job]], None],
    ) -> None:
        self.slots = slots
        self._moves = moves
        self._hints = hints
        self._store = store
        self._announce = announce
        self._storing: dict[str, asyncio.Event] = {}  # by slot: somebody here is about to

    async def admit(self, job: Job, rule: Rule) -> Job:
        """Return the job that answers the submission; its slot tells how.

        Raises StoreUnavailable; the submission may be repeated.
        """
        assert job.slot is not None
        pause = _SHORTEST_PAUSE
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _PATIENCE
        while loop.time() < give_up:
            admitted = await self._try(job, rule, job.slot.name)
            if admitted is not None and admitted.slot is not None:
                DUPLICATES.labels(admitted.task, admitted.slot.answer).inc()
                return admitted
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)
        raise StoreUnavailable(f"job {job.id} was not stored: its equals change too fast")

    async def _try(self, job: Job, rule: Rule, name: str) -> Job | None:
        """Return the answer, or None if it is time to look again."""
        held = await self.slots.holder(name)
        if held is not None and held.job.id == job.id:  # an earlier try has stored it
            self._announce([job])
            return job
        if held is not None:
            verdict = judged(rule, job, held.job, now=held.now)
            if verdict.after is not None:
                return await self._amend(held, verdict)
            if verdict.answer is Answer.JOINED and (old := await self._renewed(rule, held.job)):
                return answered(old, Answer.STALE)
            if verdict.answer in _WITHOUT_A_RUN:
                return answered(held.job, verdict.answer)
        if name in self._storing:
            await self._storing[name].wait()
            return None
        self._storing[name] = asyncio.Event()
        try:
            return await self._take_over(job, rule, held)
        finally:
            self._storing.pop(name).set()

    async def _amend(self, held: Held, verdict: Verdict) -> Job | None:
        """Change the earlier job as was judged; None if it has moved on meanwhile."""
        assert verdict.after is not None
        assert verdict.answer is not None
        before, after = held.job, verdict.after
        if not await self._moves.apply(before, after, at=held.now, patience=_PATIENCE):
            return None
        self._hints.tell([hint_of(after)])
        if after.status is Status.QUEUED and after.priority != before.priority:
            self._announce([after])
        if after.due_at is not None and after.due_at != before.due_at:
            self._hints.tell_due([after.due_at - held.now])
        return answered(after, verdict.answer)

    async def _renewed(self, rule: Rule, renewing: Job) -> Job | None:
        """Return the old result, if it may still be the answer while its successor runs."""
        old_id = renewing.slot.renews if renewing.slot else None
        old = await self.slots.get(old_id) if old_id else None
        if old is None or judged_renewal(rule, old.job, now=old.now).answer is None:
            return None
        return answered(old.job, Answer.STALE)

    async def _take_over(self, job: Job, rule: Rule, held: Held | None) -> Job | None:
        """Store the job with its slot, which `held` must give up first."""
        old = await self._still_good(rule, held) if held else None
        if held is not None:
            await self.slots.release(held.job)
        if old is not None and job.slot is not None:
            job = replace(job, slot=replace(job.slot, renews=old.id))
        if not await self._store(job):
            return None
        return answered(old, Answer.STALE) if old else job

    async def _still_good(self, rule: Rule, held: Held) -> Job | None:
        """Return a result that may be the answer although it is to be renewed."""
        if judged_renewal(rule, held.job, now=held.now).answer is Answer.STALE:
            return held.job
        if held.job.done:  # it was to renew a result, and failed
            return await self._renewed(rule, held.job)
        return None


def answered(job: Job, answer: str | None) -> Job:
    """Return a job as it is shown to whom it answers."""
    return job if job.slot is None else replace(job, slot=replace(job.slot, answer=answer))
