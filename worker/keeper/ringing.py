"""Ringing for many jobs at once, and remembering for which the broker has confirmed it."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from shared.contracts.bells import into_bells
from shared.infrastructure.bell_ringer import BellRinger, Rung
from shared.infrastructure.job_inserts import JobInserts

MARK_EVERY = 0.2  # seconds
_IN_FLIGHT = 16  # bells without a confirm; as many ids fit one mark
_MOST_MARKED = 1000


class Ringing:
    """Rings bells and marks what they announce: at once, or soon, when most jobs have moved on."""

    def __init__(self, ringer: BellRinger, inserts: JobInserts) -> None:
        self._ringer = ringer
        self._inserts = inserts
        self.unmarked: set[str] = set()  # confirmed, and still to be marked

    @property
    def possible(self) -> bool:
        """Say whether the broker is there."""
        return self._ringer.link.up

    async def ring_all(self, jobs: Iterable[tuple[str, str]]) -> int:
        """Ring for (band, id) pairs; return for how many it was confirmed."""
        by_band: dict[str, list[str]] = defaultdict(list)
        for band, job_id in jobs:
            by_band[band].append(job_id)
        return sum([await self.ring(band, ids) for band, ids in by_band.items()])

    async def ring(self, band: str, ids: Sequence[str], *, mark_later: bool = False) -> int:
        """Ring for jobs of one band, in this order; return for how many it was confirmed.

        Stops at the first bells that are not confirmed: the others would not be either.
        """
        bells = list(into_bells(ids))
        confirmed, at_once, start = 0, 1, 0
        while start < len(bells):
            chunk = bells[start : start + at_once]
            rung = await asyncio.gather(*(self._ringer.ring(band, bell) for bell in chunk))
            heard = [bell for bell, each in zip(chunk, rung, strict=True) if each is Rung.CONFIRMED]
            marked = [job_id for bell in heard for job_id in bell]
            if mark_later:
                self.unmarked.update(marked)
            elif marked:
                await self._inserts.mark_published(marked)
            confirmed += len(marked)
            if len(heard) < len(chunk):
                break
            start, at_once = start + at_once, _IN_FLIGHT
        return confirmed

    async def mark(self) -> int:
        """Mark what was left for later; costs nothing if that is nothing."""
        ids = list(self.unmarked)
        for start in range(0, len(ids), _MOST_MARKED):
            chunk = ids[start : start + _MOST_MARKED]
            await self._inserts.mark_published(chunk)
            self.unmarked.difference_update(chunk)
        return len(ids)
