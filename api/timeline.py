"""The life of a job as it is stored: its attempts, and what happened in which order."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from shared.contracts.attempt import PastAttempt
from shared.contracts.job import Job
from shared.contracts.moves import ENDS

Entry = dict[str, Any]

_ENDS = frozenset(map(str, ENDS))


def attempts(job: Job) -> list[Entry]:
    """Return all attempts that are remembered, oldest first; the last may still go on."""
    rows = [_past(past) for past in job.past_attempts if past.started_at is not None]
    if job.claim is not None and job.started_at is not None:
        rows.append(_present(job))
    return rows


def timeline(job: Job) -> list[Entry]:
    """Return what has happened to a job so far, oldest first."""
    return list(_Life(job).entries())


def first_queued_at(job: Job) -> datetime | None:
    """Return when a job that nobody has made runnable since was runnable; None if it never was."""
    if job.past_attempts:
        return job.past_attempts[-1].queued_at or job.created_at
    waited = bool(job.keys) or (job.run_at is not None and job.run_at > job.created_at)
    return None if waited or job.due_at is not None else job.created_at


class _Life:
    """Tells each instant at which the job became runnable once: two attempts may name it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._queued_at: datetime | None = None  # told last

    def entries(self) -> Iterator[Entry]:
        job = self._job
        yield from self._beginning()
        following: list[PastAttempt | Job] = [*job.past_attempts[1:], job]
        for past, then in zip(job.past_attempts, following, strict=False):
            yield from self._queued(past.queued_at)
            yield from _started(past.started_at, past.attempt, past.worker)
            yield from self._end_of(past, then.queued_at)
        yield from self._queued(job.queued_at)
        if job.claim is not None:
            yield from _started(job.started_at, job.attempt, job.claim.worker)
        if job.cancel_asked_at is not None:
            yield {"event": "job.cancelling", "at": job.cancel_asked_at}
        if job.done:
            yield {"event": f"job.{job.status}", "at": job.finished_at, "error": job.error}

    def _beginning(self) -> Iterator[Entry]:
        job = self._job
        first = job.past_attempts[0].queued_at if job.past_attempts else job.queued_at
        waited = job.run_at is not None and job.run_at > job.created_at
        if waited or (first is None and job.due_at is not None and not job.past_attempts):
            until = job.run_at if waited else job.due_at
            told = {"because": "schedule", "until": until}
            yield {"event": "job.waiting", "at": job.created_at, **told}
        elif job.keys:
            yield {"event": "job.waiting", "at": job.created_at, "because": "key"}
        else:
            yield {"event": "job.queued", "at": job.created_at}

    def _queued(self, at: datetime | None, **told: Any) -> Iterator[Entry]:
        if at is not None and at != self._queued_at:
            self._queued_at = at
            yield {"event": "job.queued", "at": at, **told}

    def _end_of(self, past: PastAttempt, next_queued_at: datetime | None) -> Iterator[Entry]:
        told: Entry = {"attempt": past.attempt, "worker": past.worker or None, "error": past.error}
        if past.until is not None:
            waits = {"because": "snoozed" if past.outcome == "snoozed" else "retry"}
            yield {"event": "job.retrying", "at": past.ended_at, "until": past.until} | waits | told
        elif past.outcome in _ENDS:
            yield {"event": f"job.{past.outcome}", "at": past.ended_at, "error": past.error}
            yield from self._queued(next_queued_at, because="run-again")
        else:
            yield from self._queued(past.ended_at, because=past.outcome, **told)


def _started(at: datetime | None, attempt: int, worker: str) -> Iterator[Entry]:
    if at is not None:
        yield {"event": "job.running", "at": at, "attempt": attempt, "worker": worker}


def _past(past: PastAttempt) -> Entry:
    return {
        "attempt": past.attempt,
        "worker": past.worker or None,
        "queued_at": past.queued_at,
        "started_at": past.started_at,
        "ended_at": past.ended_at,
        "duration_s": _seconds(past.started_at, past.ended_at),
        "outcome": past.outcome,
        "until": past.until,
        "error": past.error,
    }


def _present(job: Job) -> Entry:
    return {
        "attempt": job.attempt,
        "worker": job.claim.worker if job.claim else None,
        "queued_at": job.queued_at or first_queued_at(job),
        "started_at": job.started_at,
        "ended_at": job.finished_at,
        "duration_s": _seconds(job.started_at, job.finished_at),
        "outcome": job.status if job.done else None,
        "until": None,
        "error": job.error,
    }


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    return None if since is None or until is None else (until - since).total_seconds()
