"""A job and the only ways in which it may change.

Pure: no I/O and no clock. Every move returns a new Job. The store writes many jobs in one
operation, but the statuses that its filters name come from `MOVES`; a test holds them together.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.contracts.attempt import Backoff, Claim, Failure, PastAttempt, Progress
from shared.contracts.bands import band_of
from shared.contracts.errors import IllegalMove
from shared.contracts.gates import FOR_KEY, in_line
from shared.contracts.limits.names import Charge
from shared.contracts.moves import ENDS, MOVES, Move, Status
from shared.contracts.record import holding, sparse_record
from shared.contracts.slot import Slot

MAX_LOST = 3
"""How often a job may lose its worker while it runs alone, before it fails with `worker-lost`."""

MOST_PAST_ATTEMPTS = 50
"""How many past attempts a job remembers, the newest ones: a job may be put off for years."""


@sparse_record
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
    soft_timeout_s: float | None = None
    max_attempts: int = 1
    backoff: Backoff | None = None
    run_at: datetime | None = None  # not before this, as the client asked
    due_at: datetime | None = None  # when the time gate opens; only while it is closed
    because: str | None = None  # why it waits: "schedule", "retry", "limit", "jobs" or "key"
    limits: tuple[Charge, ...] = ()  # what each attempt takes from limits before it begins
    line: str | None = None  # the limit in whose line it stands, or from which it was called
    turn_at: datetime | None = None  # when its turn comes, as far as one can say; only in a line
    expires_at: datetime | None = None  # no attempt begins from here on
    keys: tuple[str, ...] = ()  # in whose lanes it has a place while it may run, in this order
    key_limit: int = 1  # how many jobs of each of its keys may be there, it among them
    when_busy: str | None = None  # what becomes of a new job whose lane is full; None: it waits
    lane: str | None = None  # the key that it stands in line for
    turn: int | None = None  # its version when it was let into the first of its lanes
    tags: tuple[str, ...] = ()
    metadata: str = "{}"  # JSON text
    schedule_id: str | None = None
    nominal_at: datetime | None = None  # the instant for which the schedule submitted it
    workflow_id: str | None = None
    node: str | None = None  # its path in the workflow
    heir: str | None = None  # the next in a chain: either waits for, or is awaited by, no other
    heirs: tuple[str, ...] = ()  # the next few of a chain, on every eighth of its jobs
    parent_id: str | None = None  # the job, or the node with foreach, from which it grew
    element: int | None = None  # its place in the list, if it is one of a foreach
    item: str | None = None  # that element (JSON text), where the input still refers to it
    templated: bool = False  # the input holds references to other nodes
    retention_s: float | None = None  # how long its end is remembered, if its task says so
    slot: Slot | None = None  # by what equal submissions find it
    attempt: int = 0  # attempts that count; one that was lost or handed back does not
    starts: int = 0  # claims, whatever became of them
    snoozes: int = 0  # how often the task put itself off
    lost: int = 0  # claims whose worker died
    lost_alone: int = 0  # of these, the ones in which the job was the only suspect
    claim: Claim | None = None
    cancel_asked_at: datetime | None = None  # somebody wants the running attempt to stop
    past_attempts: tuple[PastAttempt, ...] = ()
    progress: Progress | None = None
    result: str | None = None  # JSON text
    error: Failure | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    published: bool = False  # the broker has confirmed a bell for it
    published_at: datetime | None = None  # when, by the database's clock
    unsettled: bool = False  # ended, but its follow-ups are not done
    grown: bool = False  # an attempt has spawned graphs, or was replaced by one
    version: int = 1  # grows by one with each visible change: ETag, event sequence, cursor

    @property
    def done(self) -> bool:
        """Say whether the job has reached an end."""
        return self.status in ENDS

    @property
    def is_node(self) -> bool:
        """Say whether a workflow counts on this job; on the hooks of the whole it does not."""
        name = (self.node or "").rpartition("/")[2]
        return self.workflow_id is not None and not name.startswith(":")

    @property
    def band(self) -> str:
        """Return the stream of bells to which it belongs."""
        return band_of(self.queue, self.priority)

    def may_try_again(self, error: Failure, delay: timedelta, *, at: datetime) -> bool:
        """Say whether another attempt may follow one that failed, `delay` from now."""
        in_time = self.expires_at is None or at + delay < self.expires_at
        return error.retryable and self.attempt < self.max_attempts and in_time

    def claimed(self, *, by: Claim, at: datetime) -> "Job":
        """A worker takes the job and starts an attempt."""
        return self._move(
            Move.CLAIM, claim=by, started_at=at, attempt=self.attempt + 1, starts=self.starts + 1
        )

    def inherited(self, *, by: Claim, at: datetime) -> "Job":
        """The worker that ends the job before it, the only one it waits for, goes on with it."""
        counts = {"attempt": self.attempt + 1, "starts": self.starts + 1}
        changes = {"claim": by, "queued_at": at, "started_at": at, **counts, **_FREE}
        return self._move(Move.INHERIT, **changes)

    def succeeded(self, *, result: str, at: datetime) -> "Job":
        """The attempt returned `result` (JSON text)."""
        return self._move(Move.SUCCEED, result=result, finished_at=at)

    def failed(self, *, error: Failure, at: datetime) -> "Job":
        """The attempt failed, and no other follows."""
        return self._move(Move.FAIL, error=error, finished_at=at)

    def tried_in_vain(self, *, error: Failure, delay: timedelta, at: datetime) -> "Job":
        """The attempt failed; another follows after `delay`."""
        changes: dict[str, Any] = {"due_at": at + delay, "because": "retry"}
        return self._given_up(Move.RETRY, "failed", at, error=error, **changes)

    def snoozed(self, *, delay: timedelta, at: datetime, because: str = "retry") -> "Job":
        """The task puts itself off; the attempt does not count."""
        changes: dict[str, Any] = {"due_at": at + delay, "because": because}
        changes |= {"attempt": self.attempt - 1, "snoozes": self.snoozes + 1}
        return self._given_up(Move.SNOOZE, "snoozed", at, **changes)

    def limited(self, *, limit: str, turn_at: datetime) -> "Job":
        """A limit has no room for it: the job waits there, as if nobody had claimed it."""
        return self._unclaimed(because="limit", line=limit, turn_at=turn_at)

    def shut_out(self) -> "Job":
        """It does not hold its lanes: the job stands in line, as if nobody had claimed it."""
        return self._unclaimed(because=FOR_KEY, lane=self.keys[0])

    def _unclaimed(self, **changes: Any) -> "Job":
        counts = {"attempt": self.attempt - 1, "starts": self.starts - 1}
        nothing = {"claim": None, "started_at": None, "published": False, "published_at": None}
        return self._move(Move.STAND_IN_LINE, **counts, **nothing, **changes)

    def handed_back(self, *, at: datetime) -> "Job":
        """A worker that stops returns the job; the attempt does not count."""
        if self.cancel_asked_at is not None:
            return self.cancelled(at=at, unsettled=True)
        return self._back_to_queue(Move.HAND_BACK, "handed-back", at)

    def lost_its_worker(self, *, at: datetime) -> "Job":
        """The worker died. The job runs again, unless it was alone at fault too often."""
        lost_alone = self.lost_alone + bool(self.claim and self.claim.alone)
        counts = {"lost": self.lost + 1, "lost_alone": lost_alone}
        if self.cancel_asked_at is not None and self.status is Status.RUNNING:
            return self.cancelled(at=at, unsettled=True, **counts)
        if lost_alone < MAX_LOST:
            return self._back_to_queue(Move.LOSE, "lost", at, **counts)
        error = Failure(
            type="worker-lost",
            message=f"the worker died {lost_alone} times while it ran this job alone",
            retryable=False,
            attempt=self.attempt,
        )
        return self._move(Move.FAIL, error=error, finished_at=at, unsettled=True, **counts)

    def opened(self, *, at: datetime) -> "Job":
        """The time has come: the job is runnable, or stands in line for its key."""
        if self.keys and self.lane is None:
            return self._move(Move.LINE_UP, due_at=None, **in_line(self.keys))
        return self._move(Move.OPEN, queued_at=at, published=False, **_FREE)

    def cancelled(self, *, at: datetime, **changes: Any) -> "Job":
        """Somebody asked for it; the attempt under way, if any, is over."""
        return self._move(Move.CANCEL, finished_at=at, **_FREE, **changes)

    def expired(self, *, at: datetime, **changes: Any) -> "Job":
        """Its time has passed before an attempt could begin."""
        return self._move(Move.EXPIRE, finished_at=at, **_FREE, **changes)

    def skipped(self, *, at: datetime, error: Failure | None = None) -> "Job":
        """What it needed did not come."""
        return self._move(Move.SKIP, finished_at=at, error=error, unsettled=True, **_FREE)

    def turned_away(self, *, error: Failure, at: datetime) -> "Job":
        """Its key is busy, and it is not to wait for that."""
        return self._move(Move.TURN_AWAY, finished_at=at, error=error, unsettled=True, **_FREE)

    def awaiting(self, *, result: str | None = None) -> "Job":
        """The attempt is over; the job ends when the graphs that grew from it have."""
        return self._move(Move.AWAIT, because="jobs", result=result, unsettled=True)

    def completed(self, *, result: str, at: datetime) -> "Job":
        """What grew from the job has succeeded."""
        return self._move(Move.COMPLETE, result=result, finished_at=at, unsettled=True, **_FREE)

    def foundered(self, *, error: Failure, at: datetime) -> "Job":
        """What grew from the job has not succeeded."""
        changes = {"finished_at": at, "unsettled": True, **_FREE}
        return self._move(Move.FOUNDER, error=error, result=None, **changes)

    def let_in(self) -> "Job":
        """It is to be stored as the holder of its only lane: the job may run at once."""
        return replace(self, status=Status.QUEUED, turn=self.version, lane=None, because=None)

    def amended(self, **changes: Any) -> "Job":
        """An equal submission replaces some fields before any attempt has begun."""
        return replace(self, version=self.version + 1, **changes)

    def again(self, *, at: datetime, input: str | None = None) -> "Job":
        """Somebody wants another run, perhaps with another input (JSON text)."""
        given = self.input if input is None else input
        if self.keys:
            line = in_line(self.keys)
            return self._once_more(Move.AGAIN_IN_LINE, at, input=given, **line)
        return self._once_more(Move.AGAIN, at, input=given, queued_at=at, because=None)

    def held_again(self, *, at: datetime) -> "Job":
        """Somebody wants another run, after that of the jobs before it."""
        held = self._once_more(Move.HOLD, at, because="jobs")
        return held if self.starts else replace(held, past_attempts=self.past_attempts)

    def awaiting_again(self) -> "Job":
        """What grew from the job runs again, and its own attempt counts as it was."""
        return self._move(Move.HOLD, because="jobs", error=None, finished_at=None, unsettled=True)

    def _once_more(self, move: Move, at: datetime, **changes: Any) -> "Job":
        late = self.expires_at is not None and self.expires_at <= at
        slot = self.slot
        if slot is not None and slot.is_unique:
            slot = replace(slot, held=slot.name)  # refused while another job holds it
        return self._given_up(
            move,
            str(self.status),
            self.finished_at or at,
            error=self.error,
            slot=slot,
            max_attempts=self.attempt + (self.backoff.attempts if self.backoff else 1),
            due_at=None,
            expires_at=None if late else self.expires_at,
            result=None,
            finished_at=None,
            unsettled=False,
            lost=0,
            lost_alone=0,
            **changes,
        )

    def _back_to_queue(self, move: Move, outcome: str, at: datetime, **changes: Any) -> "Job":
        changes = {"attempt": self.attempt - 1, "queued_at": at, **changes}
        return self._given_up(move, outcome, at, **changes)

    def _given_up(
        self, move: Move, outcome: str, at: datetime, error: Failure | None = None, **changes: Any
    ) -> "Job":
        """Remember the attempt as a past one, and hold nothing of it any more."""
        past = PastAttempt(
            attempt=self.attempt,
            worker=self.claim.worker if self.claim else "",
            token=self.claim.token if self.claim else None,
            queued_at=self.queued_at,
            started_at=self.started_at,
            ended_at=at,
            outcome=outcome,
            error=error,
            until=changes.get("due_at"),
        )
        kept = (*self.past_attempts, past)[-MOST_PAST_ATTEMPTS:]
        nothing = {"claim": None, "started_at": None, "progress": None, "cancel_asked_at": None}
        not_rung = {"published": False, "published_at": None, "queued_at": None, "error": None}
        not_in_line = {"line": None, "turn_at": None}
        return self._move(
            move, past_attempts=kept, **{**nothing, **not_rung, **not_in_line, **changes}
        )

    def _move(self, move: Move, **changes: Any) -> "Job":
        sources, target = MOVES[move]
        if self.status not in sources:
            raise IllegalMove(job_id=self.id, current=self.status, move=move)
        moved = {"status": target, "version": self.version + 1}
        return holding(Job, {**self.__dict__, **moved, **changes})


_FREE: dict[str, Any] = {
    "due_at": None,
    "because": None,
    "lane": None,
    "line": None,
    "turn_at": None,
}
