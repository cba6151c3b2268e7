"""Following workflows: waiting for the end of one, and a stream of all that happens in one.

A stream begins with the workflow as it is, then tells each change of its jobs and of itself, and
ends behind its end. Hints say where to look; the ends of jobs are also looked for every few
seconds, and once more before the end of the whole is told, so that none is left out.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from fastapi import Request

from api.hub import event_named
from api.views import job_view, to_json
from api.waiting import hold
from api.workflows.showing import Showing
from api.workflows.watching import WatchedWorkflows, WorkflowWatch
from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import Job
from shared.contracts.pauses import NOTHING_PAUSED, Paused
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workflow.awaiting import Awaiting

log = get_logger(__name__)

_AT_ONCE = 100  # jobs read in one go, each with all that it holds
_MOST_ENDS = 5000  # in one look
_MOST_REMEMBERED = 20_000  # jobs told, so that looking again repeats none
_ORDER_MARGIN = timedelta(seconds=5)  # writes become visible out of order
_TICK = timedelta(milliseconds=1)  # of the database's instants


class Told(NamedTuple):
    """One change, as JSON."""

    event: str
    seq: int  # version
    subject: str  # "job" or "workflow"
    id: str
    body: bytes


class Following:
    """Looks at what is watched whenever there may be news."""

    def __init__(
        self,
        watched: WatchedWorkflows,
        showing: Showing,
        reads: JobReads,
        awaiting: Awaiting,
        paused: Callable[[], Paused] = lambda: NOTHING_PAUSED,
    ) -> None:
        self._paused = paused
        self._watched = watched
        self._awaiting = awaiting
        self._showing = showing
        self._reads = reads

    async def wait_for_end(self, request: Request, workflow_id: str, seconds: float) -> None:
        """Return once a workflow has ended, after `seconds`, or when the caller left."""
        async with self._watched.watching(workflow_id) as watch:
            if not await self._has_ended(watch):
                await hold(request, self._end(watch), seconds)

    async def changes(self, workflow_id: str) -> AsyncGenerator[Told, None]:
        """Yield the workflow as it is, then what happens, until it has ended; raise NotFound."""
        async with self._watched.watching(workflow_id, jobs=True) as watch:
            last_end = await self._reads.last_end_of(workflow_id)
            jobs = _Jobs(self._reads, self._awaiting, self._paused, workflow_id, last_end)
            told, done = await self._whole(watch)
            yield told
            while not done:
                await watch.wait()
                stale, whole, missed = watch.take()
                try:
                    async for change in jobs.told(stale):
                        yield change
                    news: Told | None = None
                    if whole and await self._has_changed(watch):
                        news, done = await self._whole(watch)
                    if missed or done:
                        async for change in jobs.ended():
                            yield change
                    if news:
                        yield news
                except StoreUnavailable as error:
                    # The look at all that is watched makes up for it.
                    log.warning("workflow.waits", reason=str(error)[:200])

    async def _end(self, watch: WorkflowWatch) -> None:
        ended = False
        while not ended:
            await watch.wait()
            watch.take()
            try:
                ended = await self._has_ended(watch)
            except StoreUnavailable:
                continue  # whoever looks at all that is watched finds that it has changed

    async def _has_ended(self, watch: WorkflowWatch) -> bool:
        found = await self._showing.overview.standing(watch.workflow_id)
        watch.version = found.version
        return found.done

    async def _has_changed(self, watch: WorkflowWatch) -> bool:
        found = await self._showing.overview.standing(watch.workflow_id)
        return found.version != watch.version

    async def _whole(self, watch: WorkflowWatch) -> tuple[Told, bool]:
        view = await self._showing.view(watch.workflow_id)
        watch.version = view["version"]
        event, body = f"workflow.{view['status']}", to_json(view)
        return Told(event, view["version"], "workflow", view["id"], body), view["done"]


class _Jobs:
    """The jobs of one workflow, as one listener hears of them."""

    def __init__(
        self,
        reads: JobReads,
        awaiting: Awaiting,
        paused: Callable[[], Paused],
        workflow_id: str,
        last_end: datetime | None,
    ) -> None:
        self._reads = reads
        self._awaiting = awaiting
        self._paused = paused
        self._workflow_id = workflow_id
        self._seen_until = last_end  # ends by the database's clock
        self._told: OrderedDict[str, int] = OrderedDict()

    async def told(self, stale: dict[str, str]) -> AsyncIterator[Told]:
        """Yield those of the jobs that are of the workflow and have changed."""
        ids = list(stale)
        for start in range(0, len(ids), _AT_ONCE):
            jobs = await self._reads.get_many(ids[start : start + _AT_ONCE])
            awaited = await self._awaiting.of(jobs)
            for job in jobs:
                event = event_named(job, stale[job.id])
                if job.workflow_id == self._workflow_id and self._is_news(job, event):
                    view = job_view(job, awaited.get(job.id), paused=self._paused())
                    body = to_json(view)
                    yield Told(event, job.version, "job", job.id, body)

    async def ended(self) -> AsyncIterator[Told]:
        """Yield what has ended and was not told."""
        since = self._seen_until and self._seen_until - _ORDER_MARGIN
        while ended := await self._reads.ended_of(self._workflow_id, since, most=_MOST_ENDS):
            untold = [each for each in ended if self._told.get(each.job_id, 0) < each.version]
            async for change in self.told({each.job_id: "" for each in untold}):
                yield change
            last = ended[-1].at
            self._seen_until = max(self._seen_until or last, last)
            if len(ended) < _MOST_ENDS:
                break
            # Others may have ended in the same tick.
            since = last - _TICK if since is None else max(last - _TICK, since + _TICK)

    def _is_news(self, job: Job, event: str) -> bool:
        if event != "job.log" and self._told.get(job.id, 0) >= job.version:
            return False
        self._told[job.id] = job.version
        self._told.move_to_end(job.id)
        if len(self._told) > _MOST_REMEMBERED:
            self._told.popitem(last=False)
        return True
