"""What a process says before it ends because one of its tasks has blocked it for too long."""

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from shared.infrastructure.job_reports import encode_line
from shared.infrastructure.last_writes import LastWrites
from shared.infrastructure.logs import get_logger
from worker.attempt import Attempt
from worker.exits import LEASE_LOST
from worker.loop_watch import ADVICE, Block, LoopWatch

log = get_logger(__name__)


class LastWords:
    """Names the culprit, spares its neighbours the blame, and ends the process.

    The supervisor then frees what is left at once. A process that went on would be a zombie: its
    loop comes back to jobs that others run.
    """

    def __init__(
        self,
        attempts: Mapping[str, Attempt],
        watch: LoopWatch,
        *,
        leave: Callable[[int], None] = os._exit,
    ) -> None:
        self._attempts = attempts
        self._watch = watch
        self._leave = leave

    def say(self, writes: LastWrites) -> None:
        """Speak, from a thread, if it is the loop's fault that the lease is lost; then end."""
        block = self._watch.block
        if block is None:
            return  # the whole process was held up; the loop will see for itself
        seconds = round(time.monotonic() - block.since, 1)
        job_id = block.job.id if block.job else None
        log.critical("loop.blocked_out", job_id=job_id, blocked_s=seconds, where=block.where)
        try:
            self._write(writes, block, seconds)
        except Exception:
            log.exception("last_words.unsaid")
        self._leave(LEASE_LOST)

    def _write(self, writes: LastWrites, block: Block, seconds: float) -> None:
        if block.job is None:
            return  # nobody can be spared if nobody is to blame
        said = f"blocked its worker for {seconds} s, so that the worker had to be ended; {ADVICE}"
        fields = {"where": block.where}
        writes.add_line(
            encode_line(block.job, level="error", message=said, fields=fields, at=datetime.now(UTC))
        )
        spared = [a.job for a in list(self._attempts.values()) if a.job.id != block.job.id]
        log.warning("jobs.handed_back", jobs=writes.hand_back(spared))
