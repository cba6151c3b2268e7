"""What belongs to one attempt of a job: its claim, its progress, its failure, and what follows."""

from datetime import datetime, timedelta

from shared.contracts.record import record


@record
class Failure:
    """Why an attempt, or the job, did not succeed."""

    type: str  # the exception's class name, or one of the fixed words of the API
    message: str
    retryable: bool
    attempt: int
    traceback: str | None = None


@record
class Backoff:
    """How a job is tried again: full jitter over an exponential bound.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 3  # of one run; a manual retry grants as many again
    first_s: float = 1.0
    factor: float = 2.0
    most_s: float = 3600.0
    jitter: bool = True

    def delay(self, attempt: int, chance: float) -> timedelta:
        """Return the pause after `attempt` (from 1); `chance` is a draw from [0, 1)."""
        bound = self.most_s
        if self.first_s < self.most_s:
            try:
                bound = min(self.most_s, self.first_s * self.factor ** (attempt - 1))
            except OverflowError:
                bound = self.most_s
        return timedelta(seconds=bound * chance if self.jitter else bound)


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
    """An attempt that did not end the job, or ended a run before a manual retry."""

    attempt: int
    worker: str
    started_at: datetime | None
    ended_at: datetime
    outcome: str  # "failed", "snoozed", "lost", "handed-back", or the status that ended a run
    token: str | None = None  # of its claim
    queued_at: datetime | None = None
    error: Failure | None = None
    until: datetime | None = None  # when the next attempt was due
