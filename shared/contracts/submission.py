"""What a client may say when it submits a job, and the job that this makes."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from shared.contracts.catalogue import TaskEntry
from shared.contracts.equality import Cache, Unique
from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.gates import in_line, in_time
from shared.contracts.ids import new_id
from shared.contracts.instants import Instant, written
from shared.contracts.job import Job
from shared.contracts.keys import Keyed, keyed_fields, keys_of
from shared.contracts.limits.charging import charges_of
from shared.contracts.limits.names import MOST_LIMITS, Asked
from shared.contracts.retrying import Retry, backoff_of
from shared.contracts.strict_json import dump

Tag = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_QUEUE = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
QueueName = Annotated[str, StringConstraints(pattern=_QUEUE)]
Seconds = Annotated[float, Field(gt=0, le=30 * 24 * 3600)]
_CENTURY_S = 100 * 366 * 24 * 3600
_SPECIAL = frozenset(
    (
        *("timeout_s", "soft_timeout_s", "retry", "run_at", "delay_s", "expires_at"),
        *("expires_in_s", "key", "key_limit", "when_busy", "key_max_waiting", "limits"),
    )
)

_OF_SINGLE_JOBS = ("cache", "unique", "debounce_s", "debounce_max_s")

MOST_BYTES = 4 * 1024 * 1024
"""Of the JSON text of input and metadata, also of one item among many."""

LATER = frozenset(("webhook",))
"""Fields of the API that this version does not serve yet; silence would be a lie."""


class Options(Keyed):
    """How a job is to be run; everything but its task and its input."""

    model_config = ConfigDict(extra="forbid", strict=True)

    queue: QueueName | None = Field(default=None, description="default: the task's own queue")
    priority: int | None = Field(
        default=None, ge=0, le=9, description="higher first; default: the task's own, or 5"
    )
    run_at: Instant | None = Field(default=None, description="not before; the past means now")
    delay_s: float | None = Field(
        default=None, ge=0, le=_CENTURY_S, description="the same, counted from now"
    )
    expires_at: Instant | None = Field(
        default=None, description="no attempt begins from here on; must lie behind run_at"
    )
    expires_in_s: float | None = Field(
        default=None, gt=0, le=_CENTURY_S, description="the same, counted from now"
    )
    timeout_s: Seconds | None = Field(default=None, description="hard limit for one attempt")
    soft_timeout_s: Seconds | None = Field(
        default=None, description="when the attempt is asked to stop; less than timeout_s"
    )
    retry: Retry | None = Field(
        default=None, description="replaces the task's own policy field by field"
    )
    cache: Cache | None = Field(
        default=None, description="how an equal call may answer; null: not even the task's way"
    )
    unique: Unique | None = Field(default=None, description="when an earlier job stands in for it")
    debounce_s: float | None = Field(
        default=None,
        gt=0,
        le=_CENTURY_S,
        description="runs so much later, and each equal submission until then puts it off again",
    )
    debounce_max_s: float | None = Field(
        default=None,
        gt=0,
        le=_CENTURY_S,
        description="how long it may be put off altogether; default: ten times debounce_s",
    )
    limits: list[Asked] | None = Field(
        default=None,
        max_length=MOST_LIMITS,
        description="what each attempt takes, all or none; default: the task's own; [] is none",
    )
    tags: list[Tag] = Field(default_factory=list, max_length=20)
    metadata: dict[str, Any] = Field(default_factory=dict, description="yours; returned as it came")


class Submission(Options):
    """A request to run a task."""

    task: str = Field(min_length=1, max_length=200, examples=["math.add"])
    input: dict[str, Any] = Field(
        default_factory=dict,
        description="what the task takes, by name",
        examples=[{"x": 1, "y": 2}],
    )


def is_queue_name(text: str) -> bool:
    """Say whether a queue can have this name."""
    return re.fullmatch(_QUEUE, text) is not None


def read_submission(value: Any) -> Submission:
    """Return the submission that a JSON value means; raise InvalidInput."""
    try:
        return Submission.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(faults_of(error.errors())) from None


def read_options(value: Any) -> Options:
    """Return the options that query parameters mean; raise InvalidInput."""
    try:
        return Options.model_validate(value, strict=False)
    except ValidationError as error:
        raise InvalidInput(faults_of(error.errors())) from None


def faults_of(errors: Sequence[ErrorDetails]) -> list[Fault]:
    """Return pydantic's findings as faults with JSON Pointers, without echoing the input."""
    return [Fault(_pointer(each["loc"]), _message(each)) for each in errors]


def to_job(
    options: Options, entry: TaskEntry, *, input_text: str, job_id: str | None, now: datetime
) -> Job:
    """Return the job that a valid submission makes; raise InvalidInput if options contradict.

    It is `waiting` if its time lies ahead of `now`, else `queued`. Equal arguments with a `job_id`
    make equal jobs, so that others can keep a submission and make its job later.
    """
    metadata = dump(options.metadata) if options.metadata else "{}"
    check_size(input_text, metadata)
    task_is_plain = entry.retry is None and entry.expires_in_s is None and not entry.key
    task_is_plain = task_is_plain and not entry.limits
    plain = task_is_plain and _SPECIAL.isdisjoint(options.model_fields_set)
    return Job(
        id=job_id or new_id(now),
        task=entry.name,
        queue=options.queue or entry.queue,
        created_at=now,
        input=input_text,
        priority=entry.priority if options.priority is None else options.priority,
        tags=tuple(options.tags),
        metadata=metadata,
        retention_s=entry.retention_s,
        **(_of_the_task(entry) if plain else _special(options, entry, input_text, now)),
    )


def _of_the_task(entry: TaskEntry) -> dict[str, Any]:
    """Return the same fields as `_special` for a submission that asks for nothing of it."""
    return {"timeout_s": entry.timeout_s, "soft_timeout_s": entry.soft_timeout_s}


def _special(options: Options, entry: TaskEntry, input_text: str, now: datetime) -> dict[str, Any]:
    """Return the fields of a job for which most submissions ask nothing."""
    timeout_s, soft_timeout_s = _limits(options, entry)
    backoff = backoff_of(options.retry, entry.retry)
    run_at = _run_at(options, now)
    due_at = run_at if run_at is not None and run_at > now else None
    keys = keys_of(options, entry, input_text)
    return {
        **(in_line(keys) if due_at is None else in_time(due_at)),
        **keyed_fields(options, entry, keys),
        "timeout_s": timeout_s,
        "soft_timeout_s": soft_timeout_s,
        "backoff": backoff,
        "max_attempts": backoff.attempts if backoff else 1,
        "run_at": run_at,
        "expires_at": _expires_at(options, entry, now=now, due=due_at),
        "limits": charges_of(options.limits, entry.limits, input_text),
    }


def _limits(options: Options, entry: TaskEntry) -> tuple[float | None, float | None]:
    """Return the hard and the soft limit for an attempt."""
    if options.timeout_s is not None and entry.execution == "thread":
        raise _refusal(
            "/timeout_s",
            f"{entry.name} runs in a thread, which cannot be stopped; declare it with process=True",
        )
    hard = options.timeout_s or entry.timeout_s
    soft = options.soft_timeout_s
    if soft is not None and hard is not None and soft >= hard:
        raise _refusal("/soft_timeout_s", f"must be less than timeout_s, which is {hard:g}")
    if soft is None and entry.soft_timeout_s is not None:
        # The task's own soft limit means nothing to a caller who asks for a shorter hard one.
        soft = entry.soft_timeout_s if hard is None or entry.soft_timeout_s < hard else None
    return hard, soft


def _run_at(options: Options, now: datetime) -> datetime | None:
    if options.delay_s is None:
        return options.run_at
    if options.run_at is not None:
        raise _refusal("/delay_s", "send either run_at or delay_s")
    return now + _milliseconds(options.delay_s)


def _expires_at(
    options: Options, entry: TaskEntry, *, now: datetime, due: datetime | None
) -> datetime | None:
    if options.expires_in_s is None:
        pointer, expires_at = "/expires_at", options.expires_at
    else:
        pointer, expires_at = "/expires_in_s", now + _milliseconds(options.expires_in_s)
        if options.expires_at is not None:
            raise _refusal(pointer, "send either expires_at or expires_in_s")
    if expires_at is None:
        return _own_expiry(entry, due or now)
    if expires_at <= now:
        raise _refusal(pointer, f"has passed already: it is {written(now)} here")
    if due is not None and expires_at <= due:
        raise _refusal(pointer, "the job would expire before its time to run has come")
    return expires_at


def _own_expiry(entry: TaskEntry, due: datetime) -> datetime | None:
    """Return what the task says of itself, which counts from the time when the job may run."""
    if entry.expires_in_s is None:
        return None
    try:
        return due + _milliseconds(entry.expires_in_s)
    except OverflowError:
        return None  # later than any calendar of ours


def _milliseconds(seconds: float) -> timedelta:
    return timedelta(milliseconds=round(seconds * 1000))


def _refusal(pointer: str, why: str) -> InvalidInput:
    return InvalidInput([Fault(pointer, why)])


def refuse_what_single_jobs_take(options: Options, why: str) -> None:
    """Raise InvalidInput if somebody says `cache`, `unique` or the like of jobs among others."""
    for name in _OF_SINGLE_JOBS:
        if getattr(options, name) is not None:
            raise _refusal(f"/{name}", why)


def check_size(input_text: str, metadata: str) -> None:
    """Refuse what would leave no room for a result in the job's document of 16 MiB."""
    if len(input_text) + len(metadata) <= MOST_BYTES // 4:
        return
    if len(input_text.encode()) + len(metadata.encode()) > MOST_BYTES:
        why = f"input and metadata have more than {MOST_BYTES} bytes together; send a reference"
        raise _refusal("", why)


def _pointer(location: Sequence[int | str]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def _message(error: ErrorDetails) -> str:
    if error["type"] != "extra_forbidden":
        return error["msg"].removeprefix("Value error, ")
    if error["loc"][-1] in LATER:
        return "this version of Warren does not serve this field yet"
    return "there is no such field"
