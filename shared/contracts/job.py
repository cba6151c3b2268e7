"""A job and the only ways in which it may change.

Pure: no I/O and no clock. Every move returns a new Job. The store writes many jobs in one
operation, but the statuses that its filters name come from `MOVES`; a test holds them together.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.contracts.errors import IllegalMove
from shared.contracts.record import record


class Status(StrEnum):
    """Where a job stands; docs/job-lifecycle.md draws the moves between these."""

    WAITING = "waiting"  # some gate is closed
    QUEUED = "queued"  # runnable
    RUNNING = "running"  # a worker has claimed it
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SKIPPED = "skipped"


ENDS = frozenset(
    {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.EXPIRED, Status.SKIPPED}
)


class Move(StrEnum):
    """The named steps of a job's life."""

    CLAIM = "be claimed"
    SUCCEED = "succeed"
    FAIL = "fail"
    HAND_BACK = "be handed back"
    LOSE = "lose its worker"


MOVES: dict[Move, tuple[frozenset[Status], Status]] = {
    Move.CLAIM: (frozenset({Status.QUEUED}), Status.RUNNING),
    Move.SUCCEED: (frozenset({Status.RUNNING}), Status.SUCCEEDED),
    Move.FAIL: (frozenset({Status.RUNNING}), Status.FAILED),
    Move.HAND_BACK: (frozenset({Status.RUNNING}), Status.QUEUED),
    Move.LOSE: (frozenset({Status.RUNNING}), Status.QUEUED),
}
"""Each move: from which statuses, to which."""

MAX_LOST = 3
"""How often a job may lose its worker while it runs alone, before it fails with `worker-lost`."""


@record
class Failure:
    """Why an attempt, or the job, did not succeed."""

    type: str  # the exception's class name, or one of the fixed words of the API
    message: str
    retryable: bool
    attempt: int
    traceback: str | None = None


@record
class Progress:
    """How far the running attempt says it has come, in the task's own unit."""

    current: float
    total: float | None = None
    message: str | None = None


@record
class Claim:
    """Who runs the attempt. Whoever writes an end must show the token."""

    token: str
    worker: str
    alone: bool = False  # a suspect, run without other suspects beside it


@record
class PastAttempt:
    """An attempt that ended without ending the job."""

    attempt: int
    worker: str
    started_at: datetime | None
    ended_at: datetime
    outcome: str  # "lost" or "handed-back"


@record
class Job:
    """One request to run a task, and how far it has come."""

    id: str
    task: str
    queue: str
    created_at: datetime
    input: str = "{}"  # JSON text
    status: Status = Status.QUEUED
    priority: int = 5  # 0-9, higher first
    timeout_s: float | None = None
    max_attempts: int = 1
    tags: tuple[str, ...] = ()
    metadata: str = "{}"  # JSON text
    attempt: int = 0  # attempts that count; one that was lost or handed back does not
    starts: int = 0  # claims, whatever became of them
    lost: int = 0  # claims whose worker died
    lost_alone: int = 0  # of these, the ones in which the job was the only suspect
    claim: Claim | None = None
    past_attempts: tuple[PastAttempt, ...] = ()
    progress: Progress | None = None
    result: str | None = None  # JSON text
    error: Failure | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    published: bool = False  # the broker has confirmed a bell for it
    unsettled: bool = False  # ended, but its follow-ups are not done
    version: int = 1  # grows by one with each visible change: ETag, event sequence, cursor

    @property
    def done(self) -> bool:
        """Say whether the job has reached an end."""
        return self.status in ENDS

    def claimed(self, *, by: Claim, at: datetime) -> "Job":
        """A worker takes the job and starts an attempt."""
        return self._move(
            Move.CLAIM, claim=by, started_at=at, attempt=self.attempt + 1, starts=self.starts + 1
        )

    def succeeded(self, *, result: str, at: datetime) -> "Job":
        """The attempt returned `result` (JSON text)."""
        return self._move(Move.SUCCEED, result=result, finished_at=at)

    def failed(self, *, error: Failure, at: datetime) -> "Job":
        """The attempt failed, and no other follows."""
        return self._move(Move.FAIL, error=error, finished_at=at)

    def handed_back(self, *, at: datetime) -> "Job":
        """A worker that stops returns the job; the attempt does not count."""
        return self._back_to_queue(Move.HAND_BACK, "handed-back", at)

    def lost_its_worker(self, *, at: datetime) -> "Job":
        """The worker died. The job runs again, unless it was alone at fault too often."""
        lost_alone = self.lost_alone + bool(self.claim and self.claim.alone)
        counts = {"lost": self.lost + 1, "lost_alone": lost_alone}
        if lost_alone < MAX_LOST:
            return self._back_to_queue(Move.LOSE, "lost", at, **counts)
        error = Failure(
            type="worker-lost",
            message=f"the worker died {lost_alone} times while it ran this job alone",
            retryable=False,
            attempt=self.attempt,
        )
        return self._move(Move.FAIL, error=error, finished_at=at, unsettled=True, **counts)

    def _back_to_queue(self, move: Move, outcome: str, at: datetime, **changes: Any) -> "Job":
        past = PastAttempt(
            attempt=self.attempt,
            worker=self.claim.worker if self.claim else "",
            started_at=self.started_at,
            ended_at=at,
            outcome=outcome,
        )
        return self._move(
            move,
            attempt=self.attempt - 1,
            claim=None,
            started_at=None,
            progress=None,
            queued_at=at,
            published=False,
            past_attempts=(*self.past_attempts, past),
            **changes,
        )

    def _move(self, move: Move, **changes: Any) -> "Job":
        sources, target = MOVES[move]
        if self.status not in sources:
            raise IllegalMove(job_id=self.id, current=self.status, move=move)
        return replace(self, status=target, version=self.version + 1, **changes)
