"""What answers look like, as models: documents are made of these, and tests hold views to them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.moves import Status

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"}, description="a UUID of version 7")]


class Shape(BaseModel):
    """Members that are always there; later versions may add others."""

    model_config = ConfigDict(strict=False)


class Progress(Shape):
    """How far the running attempt says it has come, in the task's own unit."""

    current: float
    total: float | None
    message: str | None


class Error(Shape):
    """Why a job did not succeed."""

    type: str = Field(
        description="the exception's class name, or one of `timeout`, `worker-lost`, "
        "`unserialisable-result`, `result-too-large`, `invalid-input`, `upstream-failed`"
    )
    message: str
    retryable: bool
    attempt: int
    traceback: str | None


class WaitingFor(Shape):
    """A closed gate between a job and a worker, and what would open it."""

    gate: Literal["time", "jobs", "key", "limit", "paused"]
    until: datetime | None = None
    because: str | None = None
    ids: list[Id] | None = Field(default=None, description="of these jobs, up to 20")
    open: int | None = Field(default=None, description="how many jobs it waits for")
    key: str | None = None
    holder: str | None = None
    ahead: int | None = None
    limit: str | None = None
    queue: str | None = None
    task: str | None = None
    by: str | None = None
    why: str | None = None
    since: datetime | None = None


class Limited(Shape):
    """A limit from which something is taken."""

    name: str
    cost: float = Field(description="tokens")


class JobLinks(Shape):
    """Where the rest of a job is."""

    self: str
    result: str
    events: str
    logs: str
    why: str


class Attempt(Shape):
    """One run of a job by one worker."""

    attempt: int = Field(description="one that did not count has the number of the next one")
    worker: str | None
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    outcome: str | None = Field(
        description="`failed`, `snoozed`, `lost`, `handed-back`, or the status in which it ended "
        "the job; null while it goes on"
    )
    until: datetime | None = Field(description="when the next attempt was due")
    error: Error | None


class Job(Shape):
    """One request to run a task, and how far it has come."""

    id: Id
    task: str
    queue: str
    status: Status
    done: bool = Field(description="true once the status is one of the ends")
    priority: int = Field(ge=0, le=9)
    input: dict[str, Any]
    result: Any = Field(description="what the task returned; null until it has succeeded")
    error: Error | None
    progress: Progress | None
    waiting_for: list[WaitingFor]
    attempt: int = Field(description="the attempt under way, or the last one; from 1")
    max_attempts: int
    snoozes: int = Field(description="how often the task put itself off")
    attempts: list[Attempt] = Field(description="the newest 50, oldest first")
    limits: list[Limited] = Field(description="what each attempt takes before it begins")
    timeout_s: float | None
    soft_timeout_s: float | None
    key: str | list[str] | None = Field(description="in whose lanes it stands; several as a list")
    key_limit: int | None = Field(description="how many jobs of its keys may run at once")
    when_busy: Literal["wait", "drop_new", "cancel_running", "fail"] | None
    tags: list[str]
    metadata: dict[str, Any]
    workflow_id: Id | None
    node: str | None
    parent_id: Id | None
    schedule_id: Id | None
    cache: Literal["hit", "stale", "joined", "miss"] | None = Field(
        description="how a submission with `cache` was answered with this job; null without"
    )
    unique: Literal["existing", "replaced", "debounced", "new"] | None = Field(
        description="the same for `unique` and `debounce_s`"
    )
    run_at: datetime | None
    expires_at: datetime | None
    nominal_at: datetime | None
    created_at: datetime
    queued_at: datetime | None = Field(description="runnable since; null if it never was")
    started_at: datetime | None
    finished_at: datetime | None
    cancel_asked_at: datetime | None = Field(description="somebody wants the attempt to stop")
    version: int = Field(description="grows by one with each change; it is the ETag and the cursor")
    worker: str | None
    links: JobLinks


class JobPage(Shape):
    """Some jobs, and how to get those after them."""

    jobs: list[Job]
    next_page_token: str | None = Field(description="null on the last page")


class InputFault(Shape):
    """One thing wrong with a request."""

    pointer: str = Field(
        description="a JSON Pointer (RFC 6901) into the body", examples=["/input/x"]
    )
    message: str


class Problem(Shape):
    """Why a request was not served (RFC 9457). `type` is the path of a page that explains it."""

    type: str = Field(examples=["/problems/invalid-input"])
    title: str
    status: int
    detail: str
    errors: list[InputFault] = Field(default=[], description="only with `invalid-input`")
    job_status: Status | None = Field(default=None, description="where the job of a 409 stands")
    key: str | None = Field(default=None, description="with `lane-full`: whose line is too long")
    depth: int | None = Field(default=None, description="with `lane-full`: how many stand in it")
    cap: int | None = Field(default=None, description="with `lane-full`: how many may")


class AcceptedItem(Shape):
    """An item that became a job."""

    index: int
    id: Id
    cache: str | None = Field(default=None, description="as on the job, if the item had `cache`")
    unique: str | None = Field(default=None, description="the same for `unique` and `debounce_s`")


class RefusedItem(Shape):
    """An item that was refused, and why."""

    index: int
    problem: Problem


class BulkAnswer(Shape):
    """What became of each item, in order."""

    items: list[AcceptedItem | RefusedItem]
    accepted: int
    refused: int


class Pause(Shape):
    """Who let nothing of a queue or a task begin, and why."""

    by: str | None = Field(description="the name of the API key")
    why: str | None
    since: datetime


class TaskLinks(Shape):
    """Where to submit a task's jobs, and where to find them."""

    submit: str
    jobs: str


class Task(Shape):
    """What a task takes, what it returns, how it runs."""

    name: str
    doc: str
    queue: str
    execution: Literal["loop", "thread", "process"]
    timeout_s: float | None
    soft_timeout_s: float | None
    priority: int
    retry: dict[str, Any] | None = Field(description="its policy, as a submission has it")
    limits: list[Limited]
    expires_in_s: float | None
    retention_s: float | None = Field(description="how long its jobs are remembered, if not as all")
    schedule: dict[str, Any] | None
    cache: dict[str, Any] | None = Field(description="how equal calls are answered")
    unique: dict[str, Any] | None = Field(description="when an earlier job stands in for a call")
    debounce_s: float | None = Field(description="how long a burst of equal calls is put off")
    debounce_max_s: float | None
    paused: bool = Field(description="nothing of it begins")
    pause: Pause | None
    key: str | list[str] | None = Field(description="templates over the input")
    key_limit: int | None
    when_busy: str | None
    key_max_waiting: int | None
    input_schema: dict[str, Any] = Field(description="JSON Schema 2020-12")
    output_schema: dict[str, Any] = Field(description="JSON Schema 2020-12")
    examples: list[dict[str, Any]]
    links: TaskLinks


class TaskList(Shape):
    """The catalogue: every task that some worker has declared."""

    tasks: list[Task]


class Health(Shape):
    """Whether this gateway is well."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, bool] = Field(default={}, description="each service, and whether it answers")
