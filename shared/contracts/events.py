"""Hints that a job has changed: they name the job and say what to look at, and carry no state.

A hint may be lost, doubled or late. Whoever receives one reads the job from MongoDB.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from shared.contracts.ids import moment_of
from shared.contracts.job import Job
from shared.contracts.moves import Status

SHARDS = 8
"""Into how many routing keys the jobs fall; a gateway binds only those that somebody watches."""

NEW_JOBS = "job.new"
"""Routing key of `job.queued` hints: only gateways with filter subscriptions bind it."""

DUE_SOON = "due.soon"
"""Routing key of hints that a job is due earlier than its keeper may look again."""


class Hint(NamedTuple):
    """A job changed; the fields are those that a filter subscription can ask for."""

    job_id: str
    event: str  # job.running, job.progress, job.succeeded, ...
    task: str
    queue: str
    tags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def hint_of(job: Job, event: str | None = None) -> Hint:
    """Return the hint for a job: for `event`, or else for the status that it has now."""
    return Hint(job.id, event or event_of(job), job.task, job.queue, job.tags, job.keys)


def event_of(job: Job) -> str:
    """Name the event that brought a job to where it stands."""
    if job.status is Status.WAITING and job.because == "retry":
        return "job.retrying"
    return f"job.{job.status}"


def shard_key(job_id: str) -> str:
    """Return the routing key under which hints about this job travel.

    It is that of the millisecond in the id, so that all jobs of a workflow have the same.
    """
    return f"job.{crc32(moment_of(job_id).encode()) % SHARDS}"


def encode_hints(hints: Iterable[Hint]) -> bytes:
    """Return the body of one events message."""
    return orjson.dumps([h[:] if h.keys else h[:-1] for h in hints])


def decode_hints(body: bytes) -> list[Hint]:
    """Return the hints in a message; raise ValueError if it is none of ours."""
    try:
        rows: list[Any] = orjson.loads(body)
        return [_hint(*row) for row in rows]
    except (TypeError, ValueError) as error:
        raise ValueError("not an events message") from error


def _hint(
    job_id: str, event: str, task: str, queue: str, tags: list[str], keys: list[str] | None = None
) -> Hint:
    if not type(job_id) is type(event) is type(task) is type(queue) is str:
        raise ValueError("a hint is made of text")
    return Hint(job_id, event, task, queue, tuple(tags), tuple(keys or ()))
