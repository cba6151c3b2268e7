"""What follows an attempt that did not succeed: another one, a rest, or the end of the job."""

from datetime import datetime, timedelta

from shared.contracts.attempt import Backoff, Failure
from shared.contracts.job import Job
from shared.contracts.moves import Move
from shared.infrastructure.end_statements import PUT_OFF, End
from worker.rest import Rest


def end_before_start(job: Job) -> End | None:
    """Return the end of a job that was claimed too late to run, else None."""
    if job.cancel_asked_at is not None:
        return End(job=job, verdict=Move.CANCEL)
    # Both instants are in the store's time: what the clock says here plays no part.
    if job.expires_at and job.started_at and job.started_at >= job.expires_at:
        return End(job=job, verdict=Move.EXPIRE)
    return None


def end_of_failure(
    job: Job, error: Failure, rest: Rest | None, *, at: datetime, chance: float, asked: bool
) -> End:
    """Return what becomes of a job whose attempt raised, at `at` in the store's time.

    `chance` is a draw from [0, 1); `asked` says that somebody wants the job cancelled.
    """
    end = _end(job, error, rest, at=at, chance=chance)
    return End(job=job, verdict=Move.CANCEL) if asked and end.move in PUT_OFF else end


def _end(job: Job, error: Failure, rest: Rest | None, *, at: datetime, chance: float) -> End:
    if rest is not None:
        delay = timedelta(seconds=rest.after_s)
        return End(job=job, verdict=Move.SNOOZE, delay=delay, because=rest.because)
    delay = _pause(job, chance)
    if job.may_try_again(error, delay, at=at):
        return End(job=job, error=error, verdict=Move.RETRY, delay=delay)
    return End(job=job, error=error)


def _pause(job: Job, chance: float) -> timedelta:
    """Return the pause before the next attempt; each run of a job begins with the shortest."""
    backoff = job.backoff or Backoff()
    left = job.max_attempts - job.attempt
    return backoff.delay(max(1, backoff.attempts - left), chance)
