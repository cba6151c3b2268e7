"""Sees to it that no lane is stuck: whoever was to let the next job in may have died."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.lanes.admissions import Admissions
from shared.infrastructure.lanes.impatient import Impatient
from shared.infrastructure.lanes.sweep import MOST, LaneSweep, Stuck
from shared.infrastructure.workflow.progress import Runnable

EVERY = 1.0  # seconds
LINES_EVERY = 3.0  # seconds
FULL = MOST

Ring = Callable[[Sequence[Runnable]], Awaitable[None]]


class Lanes:
    """Lets jobs in and on for those who did not. What is under way is found once, stuck twice."""

    def __init__(
        self,
        sweep: LaneSweep,
        admissions: Admissions,
        impatient: Impatient,
        ring: Ring,
        hints: HintSender,
    ) -> None:
        self._sweep = sweep
        self._admissions = admissions
        self._impatient = impatient
        self._ring = ring
        self._hints = hints
        self._suspects: set[tuple[str, int]] = set()  # holders that had no place at the last look
        self._free: set[str] = set()  # keys with room and somebody in line, likewise
        self._tried: set[tuple[str, int]] = set()  # holders that were to be freed by the last look
        self.stuck = 0  # how many were not, for the invariants

    async def admit(self, keys: Iterable[str], *, impatient: Sequence[str] = ()) -> None:
        """Let in who is next for these keys; deal with jobs that are not to wait."""
        await self._let_run(await self._admissions.pass_on(dict.fromkeys(keys, 1)))
        if impatient:
            dealt = await self._impatient.deal_with(impatient)
            await self._let_run(dealt.runnable)

    async def holders(self) -> int:
        """Look at who holds the next lanes; return how many were looked at."""
        found = await self._sweep.holders()
        suspects = set(found.over.items()) | {(each.id, each.version) for each in found.let_in}
        again = suspects & self._suspects
        self._suspects = suspects if found.seen < MOST else suspects | self._suspects
        self.stuck, self._tried = len(again & self._tried), again
        await self._free_from({job_id for job_id, _ in again}, found)
        return found.seen

    async def _free_from(self, stuck: set[str], found: Stuck) -> None:
        over = {job_id: version for job_id, version in found.over.items() if job_id in stuck}
        if over:
            await self._let_run(await self._admissions.pass_on(dict.fromkeys(found.keys, 1), over))
        let_in = [each for each in found.let_in if each.id in stuck]
        if let_in:
            await self._let_run(await self._admissions.let_on(let_in))

    async def lines(self) -> int:
        """Let jobs in for which there has been room since the last look; return for how many."""
        found = set(await self._sweep.with_room())
        left, self._free = found & self._free, found
        await self.admit(sorted(left), impatient=await self._impatient.left_alone())
        return len(left)

    async def _let_run(self, jobs: Sequence[Runnable]) -> None:
        if jobs:
            await self._ring(jobs)
            self._hints.tell(each.hint for each in jobs)
