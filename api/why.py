"""Why a job is where it is: in words, with the facts behind them, and when it may start."""

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any

from api.views import waiting_for
from shared.contracts.instants import written
from shared.contracts.job import Job
from shared.contracts.limits.bucket import Ask, earliest
from shared.contracts.pauses import NOTHING_PAUSED, Pause, Paused
from shared.contracts.record import record
from shared.infrastructure.limit_documents import Limit, instant
from shared.infrastructure.queue_depths import MOST_COUNTED
from shared.infrastructure.workflow.awaiting import Awaited

_ENOUGH = 10  # durations; fewer say nothing about the next one

Facts = dict[str, Any]


@record
class Workers:
    """Those of the live workers that matter to a job."""

    serving: tuple[str, ...] = ()  # its queue, and take jobs
    knowing: tuple[str, ...] = ()  # of these, those that have its task
    draining: tuple[str, ...] = ()  # they serve its queue, and take no more
    slots: int = 0  # of those that know its task
    running: int = 0


@record
class Line:
    """The queue in front of a runnable job."""

    workers: Workers
    held: bool
    broker_up: bool
    ahead: int
    durations: Sequence[float] = ()  # seconds, of recent jobs of the queue
    paused: Paused = field(default_factory=Paused)

    @property
    def free(self) -> int:
        """Return how many slots are free, as far as the last heartbeats know."""
        return max(0, self.workers.slots - self.workers.running)


def workers_for(job: Job, rows: Iterable[Facts]) -> Workers:
    """Pick from the rows of live workers what matters to a job."""
    serving = [row for row in rows if job.queue in row["queues"]]
    taking = [row for row in serving if row["state"] == "running"]
    knowing = [row for row in taking if job.task in row["tasks"]]
    return Workers(
        serving=tuple(row["_id"] for row in taking),
        knowing=tuple(row["_id"] for row in knowing),
        draining=tuple(row["_id"] for row in serving if row["state"] == "draining"),
        slots=sum(row["slots"] for row in knowing),
        running=sum(row.get("counts", {}).get("running", 0) for row in knowing),
    )


def why_queued(job: Job, line: Line, *, now: datetime) -> Facts:
    """Explain a runnable job that no worker has taken yet."""
    held = pauses_of(job, line.paused)
    since, until = (None, None) if held else _expected(line, now)
    return {
        **head(job, held or _why_not_taken(job, line), line.paused),
        "position": line.ahead,
        "queue": {
            "name": job.queue,
            "held": line.held,
            "workers": line.workers.serving,
            "workers_with_task": line.workers.knowing,
            "slots": line.workers.slots,
            "free_slots": line.free,
        },
        "expected_start": since,
        "expected_start_by": until,
    }


def why_waiting(job: Job, awaited: Awaited | None = None, paused: Paused = NOTHING_PAUSED) -> Facts:
    """Explain a job in front of closed gates."""
    gates = waiting_for(job, awaited)
    held = pauses_of(job, paused)
    reasons = [_why_closed(each, awaited or Awaited()) for each in gates] + held
    return {
        **head(job, reasons),
        "waiting_for": waiting_for(job, awaited, paused),
        "expected_start": None if held else job.due_at,
    }


def _why_closed(gate: Facts, awaited: Awaited) -> tuple[str, str]:
    if gate["gate"] == "jobs":
        if not awaited.open:
            return "jobs", "what it waited for in its workflow has ended; it goes on in a moment"
        named = ", ".join(awaited.nodes)
        more = f" and {awaited.open - len(awaited.nodes)} more" if awaited.left_out else ""
        jobs = "1 job" if awaited.open == 1 else f"{awaited.open} jobs"
        return "jobs", f"it waits for {jobs} of its workflow: {named}{more}"
    return "time", f"it waits for its time, {written(gate['until'])} ({gate['because']})"


def why_limited(job: Job, limit: Limit | None, *, ahead: int) -> Facts:
    """Explain a job in the line of a limit, behind `ahead` others."""
    more = " or more" if ahead >= MOST_COUNTED else ""
    text = f"it waits for the limit {job.line!r}, behind {ahead}{more} other jobs"
    reasons = [("limit", text)]
    expected = job.turn_at
    if limit is not None:
        bucket = limit.bucket
        first = earliest(bucket, Ask(), limit.now)
        expected = instant(first + ahead * bucket.pace.spacing)
        if bucket.held_until > limit.now:
            held = written(instant(bucket.held_until))
            reasons.append(("limit-held", f"nothing of that limit starts before {held}"))
        if bucket.probing:
            reasons.append(("breaker-open", "its breaker is open: one job at a time may try"))
    return {**head(job, reasons), "position": ahead, "expected_start": expected}


def why_running(job: Job, worker: Facts | None) -> Facts:
    """Explain a job that a worker has claimed; `worker` is the worker's row."""
    name = job.claim.worker if job.claim else "nobody"
    reasons = [("running", f"worker {name} runs attempt {job.attempt}")]
    if job.cancel_asked_at is not None:
        asked = written(job.cancel_asked_at)
        reasons.append(("cancel-asked", f"it was asked to stop at {asked} and has not yet"))
    if worker is None or worker["state"] not in ("running", "draining"):
        reasons.append(("worker-gone", "that worker is gone; the job is about to be rescued"))
    attempt = {
        "attempt": job.attempt,
        "worker": name,
        "started_at": job.started_at,
        "lease_until": worker["lease_until"] if worker else None,
        "soft_deadline": _later(job.started_at, job.soft_timeout_s),
        "hard_deadline": _later(job.started_at, job.timeout_s),
        "cancel_asked_at": job.cancel_asked_at,
    }
    return {**head(job, reasons), "running": attempt}


def why_ended(job: Job) -> Facts:
    """Explain a job that has ended."""
    at = written(job.finished_at) if job.finished_at else "some time"
    text = f"it ended {job.status} at {at}"
    return head(job, [("ended", f"{text}: {job.error.message}" if job.error else text)])


def pauses_of(job: Job, paused: Paused) -> list[tuple[str, str]]:
    return [
        (
            "paused",
            f"{kind} {name!r} is paused by {_who(pause)} since {written(pause.at)}{_for(pause)}",
        )
        for kind, name, pause in (
            ("its queue", job.queue, paused.queues.get(job.queue)),
            ("its task", job.task, paused.tasks.get(job.task)),
        )
        if pause is not None
    ]


def _who(pause: Pause) -> str:
    return pause.by or "an operator"


def _for(pause: Pause) -> str:
    return f": {pause.why}" if pause.why else ""


def head(job: Job, reasons: Sequence[tuple[str, str]], paused: Paused = NOTHING_PAUSED) -> Facts:
    """Return what every explanation has."""
    return {
        "id": job.id,
        "status": job.status,
        "summary": f"The job is {job.status}: {'; '.join(text for _, text in reasons)}.",
        "reasons": [{"code": code, "text": text} for code, text in reasons],
        "waiting_for": waiting_for(job, paused=paused),
        "position": None,
        "queue": None,
        "running": None,
        "expected_start": None,
        "expected_start_by": None,
    }


def _why_not_taken(job: Job, line: Line) -> list[tuple[str, str]]:
    workers = line.workers
    if not workers.serving:
        drain = f" ({len(workers.draining)} that did take no more jobs)" if workers.draining else ""
        text = f"no live worker serves the queue {job.queue!r}{drain}; start one"
        return [("no-worker", text)]
    if not workers.knowing:
        served = f"of {len(workers.serving)} workers that serve {job.queue!r}"
        return [("no-worker-with-task", f"{served} none has the task {job.task!r}")]
    reasons = []
    if line.ahead:
        more = " or more" if line.ahead >= MOST_COUNTED else ""
        reasons.append(("others-first", f"{line.ahead}{more} jobs of its queue go before it"))
    if not line.free:
        reasons.append(("no-free-slot", f"all {workers.slots} slots are taken"))
    if not line.broker_up and not job.published:
        reasons.append(("broker-away", "RabbitMQ is away; the keeper rings when it is back"))
    elif line.held and not job.published:
        reasons.append(("held", "the broker's window of this queue is full; the keeper rings next"))
    return reasons or [("next", "a worker is about to take it")]


def _expected(line: Line, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return between when the job may start, as far as recent durations can say."""
    if not line.workers.slots or line.ahead >= MOST_COUNTED:
        return None, None
    turns = line.ahead + 1 - line.free
    if turns <= 0:
        return now, None
    if len(line.durations) < _ENOUGH:
        return None, None
    ordered = sorted(line.durations)
    quick, slow = (ordered[int(share * (len(ordered) - 1))] for share in (0.1, 0.9))
    rounds = turns / line.workers.slots
    return _later(now, quick * rounds), _later(now, slow * (rounds + 1))


def _later(at: datetime | None, seconds: float | None) -> datetime | None:
    return None if at is None or seconds is None else at + timedelta(seconds=seconds)
