"""Running ended jobs again under their id, one or many; their history is kept."""

from collections.abc import Sequence
from contextlib import suppress

from api.announcer import Announcer
from shared.contracts.errors import Duplicate, NotFound
from shared.contracts.events import hint_of
from shared.contracts.instants import present
from shared.contracts.job import Job
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.job_requests import JobRequests
from shared.infrastructure.job_slots import JobSlots
from shared.infrastructure.writes import Occupied

_PATIENCE = 5.0  # seconds
_ROUNDS = 10


class Rerunning:
    """Makes ended jobs runnable again, and rings for them."""

    def __init__(
        self,
        reads: JobReads,
        outlines: JobOutlines,
        moves: JobMoves,
        requests: JobRequests,
        announcer: Announcer,
        hints: HintSender,
        slots: JobSlots,
    ) -> None:
        self._reads = reads
        self._outlines = outlines
        self._moves = moves
        self._requests = requests
        self._announcer = announcer
        self._hints = hints
        self._slots = slots

    async def again(self, job: Job, *, input_text: str | None) -> Job | None:
        """Run one job again, perhaps with another input; return it, or None if it has not ended.

        Raises NotFound if it is gone meanwhile, and Duplicate if an equal job is under way that it
        must not run beside.
        """
        for _ in range(_ROUNDS):
            if not job.done:
                return None
            now = present()
            after = job.again(at=now, input=input_text)
            try:
                if await self._moves.apply(job, after, at=now, patience=_PATIENCE):
                    self._ring([after])
                    return await self._reads.get(job.id)
            except Occupied:
                await self._make_way(job)
            job = await self._reads.get(job.id)
        return None

    async def _make_way(self, job: Job) -> None:
        """Take the slot of a job back from one that has ended."""
        held = await self._slots.holder(job.slot.name) if job.slot else None
        if held is not None and not held.job.done:
            raise Duplicate(job.id, held.job.id)
        if held is not None:
            await self._slots.release(held.job)

    async def all_again(self, jobs: Sequence[Job]) -> list[Job]:
        """Run ended jobs again; return those of them that run again, whoever else wanted it too."""
        alone = [job for job in jobs if _needs_its_slot_back(job)]
        if alone:
            together = [job for job in jobs if not _needs_its_slot_back(job)]
            return await self.all_again(together) + await self._one_by_one(alone)
        now = present()
        moves = [(job, job.again(at=now)) for job in jobs]
        matched = await self._requests.move(moves, at=now)
        moved = [after for _, after in moves]
        if matched != len(moves):
            versions = {job.id: job.version for job in await self._outlines.get(_ids(jobs))}
            moved = [job for job in moved if versions.get(job.id, 0) >= job.version]
        self._ring(moved)
        return moved

    async def _one_by_one(self, jobs: Sequence[Job]) -> list[Job]:
        moved = []
        for job in jobs:
            with suppress(Duplicate, NotFound):
                if running := await self.again(job, input_text=None):
                    moved.append(running)
        return moved

    def _ring(self, jobs: Sequence[Job]) -> None:
        self._announcer.announce(jobs)
        self._hints.tell(map(hint_of, jobs))


def _needs_its_slot_back(job: Job) -> bool:
    slot = job.slot
    return slot is not None and slot.is_unique and slot.held is None


def _ids(jobs: Sequence[Job]) -> list[str]:
    return [job.id for job in jobs]
