"""A job as clients see it: the JSON of docs/, in one fixed order of fields."""

from collections.abc import Iterator
from typing import Any

import orjson

from api.timeline import attempts, first_queued_at
from shared.contracts.duplicates import CACHE_ANSWERS
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.pauses import NOTHING_PAUSED, Pause, Paused
from shared.infrastructure.workflow.awaiting import Awaited
from shared.infrastructure.workflow.node_jobs import FOR_JOBS

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def job_view(
    job: Job, awaited: Awaited | None = None, *, paused: Paused = NOTHING_PAUSED
) -> dict[str, Any]:
    """Return the members of a job. Input and result are fragments of JSON text, not parsed.

    `awaited` says which jobs it waits for, if it does.
    """
    link = f"/v1/jobs/{job.id}"
    return {
        "id": job.id,
        "task": job.task,
        "queue": job.queue,
        "status": job.status,
        "done": job.done,
        "priority": job.priority,
        "input": orjson.Fragment(job.input),
        "result": None if job.result is None else orjson.Fragment(job.result),
        "error": job.error,
        "progress": job.progress,
        "waiting_for": waiting_for(job, awaited, paused),
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "snoozes": job.snoozes,
        "attempts": attempts(job),
        "limits": job.limits,
        "timeout_s": job.timeout_s,
        "soft_timeout_s": job.soft_timeout_s,
        "key": key_view(job.keys),
        "key_limit": job.key_limit if job.keys else None,
        "when_busy": (job.when_busy or "wait") if job.keys else None,
        "tags": job.tags,
        "metadata": orjson.Fragment(job.metadata),
        "workflow_id": job.workflow_id,
        "node": job.node,
        "parent_id": job.parent_id,
        "schedule_id": job.schedule_id,
        **answer_of(job),
        "run_at": job.run_at,
        "expires_at": job.expires_at,
        "nominal_at": job.nominal_at,
        "created_at": job.created_at,
        "queued_at": job.queued_at or first_queued_at(job),
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "cancel_asked_at": job.cancel_asked_at,
        "version": job.version,
        "worker": job.claim.worker if job.claim else None,
        "links": {
            "self": link,
            "result": f"{link}/result",
            "events": f"{link}/events",
            "logs": f"{link}/logs",
            "why": f"{link}/why",
        },
    }


def answer_of(job: Job) -> dict[str, str | None]:
    """Say how a submission that has a slot was answered with this job."""
    answer = job.slot.answer if job.slot else None
    of_the_cache = answer in CACHE_ANSWERS
    return {"cache": answer if of_the_cache else None, "unique": None if of_the_cache else answer}


def waiting_for(
    job: Job, awaited: Awaited | None = None, paused: Paused = NOTHING_PAUSED
) -> list[dict[str, Any]]:
    """Return the closed gates between a job and a worker."""
    gates: list[dict[str, Any]] = []
    if job.lane is not None:
        gates.append({"gate": "key", "key": job.lane})
    elif job.status is Status.WAITING and job.because == FOR_JOBS:
        found = awaited or Awaited()
        gates.append({"gate": "jobs", "ids": found.ids, "open": found.open})
    elif job.status is Status.WAITING and job.because == "limit" and job.line is not None:
        gates.append({"gate": "limit", "limit": job.line, "until": job.turn_at})
    elif job.status is Status.WAITING and job.due_at is not None:
        gates.append({"gate": "time", "until": job.due_at, "because": job.because})
    if paused and job.status in (Status.WAITING, Status.QUEUED):
        gates += _pauses(job, paused)
    return gates


def _pauses(job: Job, paused: Paused) -> Iterator[dict[str, Any]]:
    for kind, name, pause in (
        ("queue", job.queue, paused.queues.get(job.queue)),
        ("task", job.task, paused.tasks.get(job.task)),
    ):
        if pause is not None:
            said = {"by": pause.by, "why": pause.why, "since": pause.at}
            yield {"gate": "paused", kind: name, **said}


def pause_view(pause: Pause | None) -> dict[str, Any]:
    """Return the members of a queue or a task that tell of its pause."""
    said = None if pause is None else {"by": pause.by, "why": pause.why, "since": pause.at}
    return {"paused": pause is not None, "pause": said}


def key_view(keys: tuple[str, ...]) -> str | list[str] | None:
    """Return keys as a submission has them: one as a text, several as a list."""
    return (keys[0] if len(keys) == 1 else list(keys)) if keys else None


def to_json(value: Any) -> bytes:
    """Return a view as bytes; instants are RFC 3339 in UTC."""
    return orjson.dumps(value, option=_OPTIONS)


def etag(job: Job) -> str:
    """Return the entity tag of a job's present version."""
    return f'"v{job.version}"'
