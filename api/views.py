"""A job as clients see it: the JSON of docs/, in one fixed order of fields."""

from typing import Any

import orjson

from shared.contracts.job import Job

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def job_view(job: Job) -> dict[str, Any]:
    """Return the members of a job. Input and result are fragments of JSON text, not parsed."""
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
        "waiting_for": [],
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "timeout_s": job.timeout_s,
        "key": None,
        "tags": job.tags,
        "metadata": orjson.Fragment(job.metadata),
        "workflow_id": None,
        "node": None,
        "parent_id": None,
        "schedule_id": None,
        "cache": None,
        "run_at": None,
        "expires_at": None,
        "nominal_at": None,
        "created_at": job.created_at,
        "queued_at": job.queued_at or job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "version": job.version,
        "worker": job.claim.worker if job.claim else None,
        "links": {
            "self": link,
            "result": f"{link}/result",
            "events": f"{link}/events",
            "logs": f"{link}/logs",
        },
    }


def to_json(value: Any) -> bytes:
    """Return a view as bytes; instants are RFC 3339 in UTC."""
    return orjson.dumps(value, option=_OPTIONS)


def etag(job: Job) -> str:
    """Return the entity tag of a job's present version."""
    return f'"v{job.version}"'


def timeline(job: Job) -> list[dict[str, Any]]:
    """Return what has happened to a job so far, oldest first."""
    entries: list[dict[str, Any]] = [{"event": "job.queued", "at": job.created_at}]
    for past in job.past_attempts:
        told = {"attempt": past.attempt, "worker": past.worker}
        entries.append({"event": "job.running", "at": past.started_at, **told})
        entries.append(
            {"event": "job.queued", "at": past.ended_at, "because": past.outcome, **told}
        )
    if job.started_at and job.claim:
        entries.append(
            {
                "event": "job.running",
                "at": job.started_at,
                "attempt": job.attempt,
                "worker": job.claim.worker,
            }
        )
    if job.done:
        entries.append({"event": f"job.{job.status}", "at": job.finished_at, "error": job.error})
    return entries
