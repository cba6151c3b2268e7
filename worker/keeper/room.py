"""Ends jobs that have to make room for another, as a gateway does when somebody cancels them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.contracts.moves import MOVES, Move, Status
from shared.infrastructure.control_sender import ControlSender
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_requests import JobRequests

_AT_ONCE = MOVES[Move.CANCEL][0] - {Status.RUNNING}


class Room:
    """Cancels jobs; one that changes meanwhile is met again when somebody looks next."""

    def __init__(self, requests: JobRequests, hints: HintSender, control: ControlSender) -> None:
        self._requests = requests
        self._hints = hints
        self._control = control

    async def make(self, jobs: Sequence[Job]) -> None:
        """Cancel jobs that do not run, and ask the others to stop; may be repeated."""
        now = datetime.now(UTC)
        still = [job for job in jobs if job.status in _AT_ONCE]
        running = [job.id for job in jobs if job.status not in _AT_ONCE]
        cancelled = [job.cancelled(at=now, unsettled=True) for job in still]
        await self._requests.move(list(zip(still, cancelled, strict=True)), at=now)
        await self._requests.ask_to_stop(running)
        self._hints.tell(map(hint_of, cancelled))
        await self._control.cancel(running)
