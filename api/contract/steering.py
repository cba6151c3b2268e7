"""Answers about jobs that are steered, and about queues and workers, as models."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.contract.shapes import Id, Pause, Shape, WaitingFor
from shared.contracts.moves import Status


class Reason(Shape):
    """One thing that stands between a job and its run, or what it does now."""

    code: str = Field(examples=["no-worker", "others-first", "time"])
    text: str


class LineAhead(Shape):
    """The queue of a runnable job, and who serves it."""

    name: str
    held: bool = Field(description="the broker's window is full: the keeper rings, by priority")
    workers: list[str] = Field(description="live workers that serve the queue")
    workers_with_task: list[str] = Field(description="of these, the ones that have the task")
    slots: int
    free_slots: int = Field(description="as the last heartbeats told")


class RunningNow(Shape):
    """The attempt under way."""

    attempt: int
    worker: str
    started_at: datetime | None
    lease_until: datetime | None = Field(description="until then the worker counts as alive")
    soft_deadline: datetime | None
    hard_deadline: datetime | None
    cancel_asked_at: datetime | None


class Why(Shape):
    """Why a job is where it is."""

    id: Id
    status: Status
    summary: str = Field(description="for people")
    reasons: list[Reason]
    waiting_for: list[WaitingFor]
    position: int | None = Field(
        description="how many runnable jobs go before it; 10,000 means that many, or more"
    )
    queue: LineAhead | None = Field(description="only while it is queued")
    running: RunningNow | None = Field(description="only while it runs")
    expected_start: datetime | None = Field(description="not before; null if nobody can say")
    expected_start_by: datetime | None = Field(description="probably by then")


class ActionAnswer(Shape):
    """To how many jobs it was done, or would be."""

    action: Literal["cancel", "retry", "delete"]
    dry_run: bool
    matched: int
    done: int
    refused: int
    reasons: dict[str, int] = Field(description="why not to the others, and to how many")
    more: bool = Field(description="more jobs match than one request deals with; send it again")


class ForgottenResults(Shape):
    """How many stored or coming results equal calls get no more."""

    forgotten: int


class Queue(Shape):
    """How a queue stands."""

    name: str
    waiting: int
    queued: int
    running: int
    oldest_queued_s: float | None = Field(description="since when the oldest could run; seconds")
    held: bool
    paused: bool = Field(description="nothing of it begins")
    pause: Pause | None
    workers: int = Field(description="live ones that serve it and take jobs")
    slots: int


class QueueList(Shape):
    """All queues that some task, worker or job names."""

    queues: list[Queue]
    counted_up_to: int = Field(description="a count of this means that many, or more")


class Worker(Shape):
    """A process that runs jobs."""

    id: str
    host: str
    pid: int
    state: Literal["running", "draining", "stopped", "dead"]
    queues: list[str]
    tasks: list[str]
    slots: int
    running: int
    jobs: list[Id] = Field(description="that it runs now, up to 100 of them")
    counts: dict[str, int] = Field(description="since its start, as the last heartbeat told")
    started_at: datetime
    beat_at: datetime
    lease_until: datetime
    gone_at: datetime | None


class WorkerList(Shape):
    """Workers, in order of their start."""

    workers: list[Worker]
