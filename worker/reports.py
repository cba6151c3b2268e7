"""What running tasks say of themselves: progress and log lines, written in batches."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

from shared.contracts.attempt import Progress
from shared.contracts.errors import StoreUnavailable
from shared.contracts.events import hint_of
from shared.contracts.job import Job
from shared.infrastructure.background import in_background
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_reports import JobReports, Line, encode_line
from shared.infrastructure.logs import get_logger
from warren.growing import Planted, SpawnOptions
from worker.attempt import Attempt
from worker.limiting import Limiting, Taking

_EVERY = 0.1  # seconds between writes; of the progress of one job only the latest is kept
_MOST_LINES = 10_000  # held while MongoDB is away; the oldest go first
_LONGEST_MESSAGE = 1000  # characters of the message of a progress


log = get_logger(__name__)


class ReportPort:
    """The port of one running job; may be called from any thread."""

    def __init__(self, attempt: Attempt, reports: "Reports") -> None:
        self._attempt = attempt
        self._reports = reports
        self.limiting: Limiting | None = None

    @property
    def cancelled(self) -> bool:
        """Say whether the task should stop."""
        return self._attempt.cancelled

    def limit(self, name: str, cost: float) -> Taking:
        """Take from a limit."""
        assert self.limiting is not None
        return self.limiting.lease(self._attempt, name, cost)

    def outage(self) -> None:
        """Remember that the other side seems to be out of order."""
        self._attempt.saw_outage = True

    def progress(self, current: float, total: float | None, message: str | None) -> None:
        """Keep how far the job is."""
        progress = Progress(
            current=_storable(current),
            total=None if total is None else _storable(total),
            message=None if message is None else message[:_LONGEST_MESSAGE],
        )
        self._attempt.progress = progress
        self._reports.take_progress(self._attempt.job, progress)

    def log(self, level: str, message: str, fields: dict[str, object]) -> None:
        """Keep one line."""
        self._reports.take_line(self._attempt.job, level, message, fields)

    def spawn(self, graph: dict[str, Any], options: SpawnOptions) -> Planted | Awaitable[Planted]:
        """Plant a graph: on the event loop when it is awaited, elsewhere now."""
        assert self._attempt.grow is not None
        return self._attempt.grow(self._attempt, graph, options)


class Reports:
    """Collects reports and writes them now and then, fenced by each job's claim."""

    def __init__(self, store: JobReports, hints: HintSender) -> None:
        self._store = store
        self._hints = hints
        self._progress: dict[str, tuple[Job, Progress]] = {}
        self._lines: list[tuple[Job, Line]] = []

    @contextmanager
    def of(self, attempt: Attempt) -> Iterator[ReportPort]:
        """Yield the port of an attempt while it runs."""
        try:
            yield ReportPort(attempt, self)
        finally:
            self._progress.pop(attempt.job.id, None)

    def take_progress(self, job: Job, progress: Progress) -> None:
        """Keep the newest progress of a job."""
        self._progress[job.id] = (job, progress)

    def take_line(self, job: Job, level: str, message: str, fields: dict[str, Any]) -> None:
        """Keep a log line."""
        line = encode_line(job, level=level, message=message, fields=fields, at=datetime.now(UTC))
        self._lines.append((job, line))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Reports"]:
        """Write in the background; what is left at the end is written too."""
        try:
            async with in_background(self._run()):
                yield self
        finally:
            await self.flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.flush()
            except Exception:
                log.exception("reports.dropped")

    async def flush(self) -> None:
        """Write what has collected. While MongoDB is away, lines wait and progress is dropped."""
        progress, self._progress = list(self._progress.values()), {}
        lines, self._lines = self._lines, []
        try:
            if progress:
                await self._store.show_progress(progress)
            if lines:
                await self._store.add_lines([line for _, line in lines])
        except StoreUnavailable:
            self._lines = (lines + self._lines)[-_MOST_LINES:]
            return
        except asyncio.CancelledError:  # they may be stored or not; storing them twice is harmless
            self._lines = lines + self._lines
            raise
        self._hints.tell(hint_of(job, "job.progress") for job, _ in progress)
        self._hints.tell(hint_of(job, "job.log") for job in {j.id: j for j, _ in lines}.values())


def _storable(number: float) -> float:
    """Return the number as BSON can hold it: integers there have 64 bits."""
    return number if -(2**63) <= number < 2**63 else float(number)
