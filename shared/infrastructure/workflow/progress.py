"""What advancing a workflow works with: ends of nodes, and what it has brought about."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from shared.contracts.bands import USUAL, band_of
from shared.contracts.events import Hint, hint_of
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.workflow.ending import error_object, failure_of_end
from shared.contracts.workflow.run_if import Signal, signal_of
from shared.infrastructure.mongo import Document
from shared.infrastructure.workflow.rows import NodeRow


class Runnable(NamedTuple):
    """A job that may run from now on, for whoever rings or claims."""

    queue: str
    id: str
    task: str
    tags: tuple[str, ...]
    priority: int = USUAL
    keys: tuple[str, ...] = ()

    @property
    def band(self) -> str:
        """Return the stream of bells to which it belongs."""
        return band_of(self.queue, self.priority)

    @classmethod
    def of(cls, job: Job) -> "Runnable":
        """Return what a ringer needs to know of a job."""
        return cls(job.queue, job.id, job.task, job.tags, job.priority, job.keys)

    @classmethod
    def at(cls, row: NodeRow, job_id: str | None = None) -> "Runnable":
        """Return the same of a node's job, by default its only one."""
        return cls(row.queue, job_id or row.id, row.task or "", row.tags, row.priority)

    @property
    def hint(self) -> Hint:
        """Return the hint that tells of it."""
        return Hint(self.id, "job.queued", self.task, self.queue, self.tags, self.keys)


Ring = Callable[[Sequence[Runnable]], Awaitable[None]]
"""Brings jobs that may run now to a worker."""


class NodeEnd(NamedTuple):
    """How a node has ended."""

    row: NodeRow
    status: Status
    signal: Signal
    cause: Document | None = None


class Progress(NamedTuple):
    """What advancing has brought about."""

    runnable: list[Runnable]
    hints: list[Hint]  # about everything else
    ended: list[Job]  # by it: they had waited for what grew from them, or it grew from others
    lanes: list[str]  # keys for which jobs stand in line from now on

    @property
    def ends_a_workflow(self) -> bool:
        """Say whether a whole workflow has ended by it."""
        return any(hint.event.startswith("workflow.") for hint in self.hints)

    def add(self, more: "Progress") -> None:
        """Note all of what was brought about by something else."""
        self.runnable.extend(more.runnable)
        self.hints.extend(more.hints)
        self.ended.extend(more.ended)
        self.lanes.extend(more.lanes)

    def let_run(self, jobs: Iterable[Job]) -> None:
        """Note jobs for which nothing but their keys may stand in the way."""
        for job in jobs:
            if job.lane is None:
                self.runnable.append(Runnable.of(job))
            else:
                self.lanes.append(job.lane)

    def add_ended(self, jobs: Sequence[Job]) -> None:
        """Note jobs that ended by it."""
        self.ended.extend(jobs)
        self.hints.extend(map(hint_of, jobs))


def end_of_job(row: NodeRow, job: Job, within: Document | None) -> NodeEnd:
    """Return how a node has ended; `within` is the error of a node that grew from its job."""
    signal = signal_of(job.status, tolerate=row.tolerate, passed=job.status is Status.SKIPPED)
    if job.status in (Status.SUCCEEDED, Status.SKIPPED):
        return NodeEnd(row, job.status, signal)
    return NodeEnd(row, job.status, signal, within or cause_of(job, row.path))


def cancelled_list(row: NodeRow) -> NodeEnd:
    """Return the end of a node that was cancelled before its list was known."""
    failure = failure_of_end(Status.CANCELLED, None, attempt=0)
    cause = error_object(path=row.path, job_id=row.id, failure=failure, attempts=0)
    signal = signal_of(Status.CANCELLED, tolerate=row.tolerate)
    return NodeEnd(row, Status.CANCELLED, signal, cause)


def cause_of(job: Job, path: str) -> Document:
    """Return why a node brought no result: the error object of its job."""
    failure = failure_of_end(job.status, job.error, attempt=job.attempt)
    return error_object(path=path, job_id=job.id, failure=failure, attempts=job.attempt)


def refused(row: NodeRow, error: Exception) -> NodeEnd:
    """Return the end of a node whose list cannot be made."""
    cause = {
        "node": row.path,
        "job_id": row.id,
        "type": "bad-reference",
        "message": str(error),
        "attempts": 0,
    }
    return NodeEnd(row, Status.FAILED, signal_of(Status.FAILED, tolerate=row.tolerate), cause)


def note_of_end(end: NodeEnd) -> Document:
    """Return what is stored of a node's end."""
    said: Document = {"status": end.status.value, "signal": end.signal.value}
    return said | ({"cause": end.cause} if end.cause else {})
