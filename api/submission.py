"""What a client may say when it submits a job, and the job that this makes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.strict_json import dump

Tag = Annotated[str, StringConstraints(min_length=1, max_length=100)]
QueueName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Seconds = Annotated[float, Field(gt=0, le=30 * 24 * 3600)]

MOST_BYTES = 4 * 1024 * 1024
"""Of the JSON text of input and metadata, also of one item among many."""

LATER = frozenset(
    (
        *("run_at", "delay_s", "expires_at", "expires_in_s", "soft_timeout_s", "retry"),
        *("key", "key_limit", "when_busy", "key_max_waiting", "limits"),
        *("cache", "unique", "debounce_s", "webhook"),
    )
)
"""Fields of the API that this version does not serve yet; silence would be a lie."""


class Options(BaseModel):
    """How a job is to be run; everything but its task and its input."""

    model_config = ConfigDict(extra="forbid", strict=True)

    queue: QueueName | None = Field(default=None, description="default: the task's own queue")
    priority: int = Field(default=5, ge=0, le=9, description="higher first")
    timeout_s: Seconds | None = Field(default=None, description="hard limit for one attempt")
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
    """Return the job that a valid submission makes."""
    if options.timeout_s is not None and entry.execution == "thread":
        why = (
            f"{entry.name} runs in a thread, which cannot be stopped; declare it with process=True"
        )
        raise InvalidInput([Fault("/timeout_s", why)])
    metadata = dump(options.metadata) if options.metadata else "{}"
    _check_size(input_text, metadata)
    return Job(
        id=job_id or new_id(now),
        task=entry.name,
        queue=options.queue or entry.queue,
        created_at=now,
        input=input_text,
        priority=options.priority,
        timeout_s=options.timeout_s or entry.timeout_s,
        tags=tuple(options.tags),
        metadata=metadata,
    )


def _check_size(input_text: str, metadata: str) -> None:
    """Refuse what would leave no room for a result in the job's document of 16 MiB."""
    if len(input_text) + len(metadata) <= MOST_BYTES // 4:
        return
    if len(input_text.encode()) + len(metadata.encode()) > MOST_BYTES:
        why = f"input and metadata have more than {MOST_BYTES} bytes together; send a reference"
        raise InvalidInput([Fault("", why)])


def _pointer(location: Sequence[int | str]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def _message(error: ErrorDetails) -> str:
    if error["type"] != "extra_forbidden":
        return error["msg"]
    if error["loc"][-1] in LATER:
        return "this version of Warren does not serve this field yet"
    return "there is no such field"
