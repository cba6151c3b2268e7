"""Hands changes of jobs to whoever watches them: snapshot first, then changes, and always the end.

Hints say where to look; what listeners get was read from MongoDB. Watched jobs are read again every
few seconds and after each gap, so a lost hint delays a push and loses none.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from api.filters import JobFilter
from api.views import job_view, to_json
from shared.contracts.errors import StoreUnavailable
from shared.contracts.events import NEW_JOBS, Hint, event_of, shard_key
from shared.contracts.job import Job
from shared.contracts.pauses import NOTHING_PAUSED, Paused
from shared.infrastructure.hint_feed import HintFeed
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workflow.awaiting import Awaited, Awaiting

log = get_logger(__name__)

_REREAD_EVERY = 5.0  # seconds
_MOST_REMEMBERED = 20_000  # jobs told to filters, so that catching up repeats none
_EVERY_JOB = "job.#"
_CLOCK_MARGIN = timedelta(seconds=1)  # between our clock and the database's
_ORDER_MARGIN = timedelta(seconds=5)  # writes become visible out of order
_MOST_ENDS = 5000  # in one look
_TICK = timedelta(milliseconds=1)  # of the database's instants


class Change:
    """One version of a job as it is pushed; its JSON is made once for all listeners."""

    __slots__ = ("_awaited", "_body", "_paused", "event", "job")

    def __init__(
        self,
        job: Job,
        event: str,
        awaited: Awaited | None = None,
        paused: Paused = NOTHING_PAUSED,
    ) -> None:
        self.job = job
        self.event = event
        self._awaited = awaited
        self._paused = paused
        self._body: bytes | None = None

    @property
    def body(self) -> bytes:
        """Return the job as JSON."""
        if self._body is None:
            self._body = to_json(job_view(self.job, self._awaited, paused=self._paused))
        return self._body


Listener = Callable[[Change], None]


@dataclass(slots=True, eq=False)
class Watch:
    """One listener's interest in one job."""

    job_id: str
    listener: Listener
    seen: int = 0  # version
    live: bool = False  # the snapshot was told
    early: Change | None = None  # the newest change that came before the snapshot

    def offer(self, change: Change) -> None:
        """Tell the listener, unless it has seen this version; log lines have none."""
        if not self.live:
            self.early = change
        elif change.job.version >= self.seen + (change.event != "job.log"):
            self.seen = change.job.version
            self.listener(change)

    def start(self, snapshot: Change) -> None:
        """Tell the snapshot, then what overtook it."""
        self.live = True
        self.offer(snapshot)
        if self.early is not None:
            self.offer(self.early)
            self.early = None


@dataclass(slots=True, eq=False)
class FilterWatch:
    """One listener's interest in all jobs that fit a filter."""

    filter: JobFilter
    listener: Listener
    since: datetime = field(default_factory=lambda: datetime.now(UTC) - _CLOCK_MARGIN)

    def offer(self, change: Change) -> None:
        """Tell the listener, if the job fits and did not end before this watch began."""
        finished_at = change.job.finished_at
        if self.filter.fits(change.job) and (finished_at is None or finished_at > self.since):
            self.listener(change)


class Hub:
    """Knows who watches what on this gateway."""

    def __init__(
        self,
        reads: JobReads,
        awaiting: Awaiting | None = None,
        paused: Callable[[], Paused] = lambda: NOTHING_PAUSED,
    ) -> None:
        self._reads = reads
        self._awaiting = awaiting
        self._paused = paused
        self._feed: HintFeed | None = None
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._filters: set[FilterWatch] = set()
        self._stale: dict[str, str] = {}  # job id -> event of the newest hint
        self._hinted = asyncio.Event()
        self._told: OrderedDict[str, int] = OrderedDict()
        self._ends_seen_until = datetime.now(UTC)

    def listen_to(self, feed: HintFeed) -> None:
        """Ask this feed for the keys that somebody needs."""
        self._feed = feed

    @asynccontextmanager
    async def watching(
        self, job_id: str, listener: Listener, *, after: int = 0
    ) -> AsyncIterator[Job]:
        """Tell `listener` of the job as it is, then of changes; versions up to `after` are known.

        The snapshot, which is yielded too, is read once the watch is live. Raises NotFound.
        """
        watch = Watch(job_id, listener, after)
        key = shard_key(job_id)
        self._watches[job_id].add(watch)
        try:
            await self._want(key)
            job = await self._reads.get(job_id)
            awaited = await self._awaited_by([job])
            watch.start(Change(job, event_of(job), awaited.get(job.id), self._paused()))
            yield job
        finally:
            self._release(key)
            self._watches[job_id].discard(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]

    @asynccontextmanager
    async def watching_all(self, job_filter: JobFilter, listener: Listener) -> AsyncIterator[None]:
        """Tell `listener` of every change from now on of a job that fits the filter."""
        watch = FilterWatch(job_filter, listener)
        if not self._filters:
            self._ends_seen_until = datetime.now(UTC) - _CLOCK_MARGIN
        self._filters.add(watch)
        try:
            await self._want(NEW_JOBS)
            await self._want(_EVERY_JOB)
            yield
        finally:
            self._filters.discard(watch)
            self._release(NEW_JOBS)
            self._release(_EVERY_JOB)

    def on_hints(self, hints: Iterable[Hint]) -> None:
        """Note which jobs to look at."""
        for hint in hints:
            if hint.job_id in self._watches or any(f.filter.may_fit(hint) for f in self._filters):
                if hint.event != "job.log" or hint.job_id not in self._stale:
                    self._stale[hint.job_id] = hint.event
                self._hinted.set()

    def on_gap(self) -> None:
        """Note that hints may have been lost: look at everything that is watched."""
        self._stale |= {job_id: "" for job_id in self._watches if job_id not in self._stale}
        self._hinted.set()

    async def run(self) -> None:
        """Read and tell, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_what_was_hinted())
            group.create_task(self._reread())

    async def _tell_what_was_hinted(self) -> None:
        while True:
            await self._hinted.wait()
            self._hinted.clear()
            stale, self._stale = self._stale, {}
            try:
                jobs = await self._reads.get_many(stale)
                awaited = await self._awaited_by(jobs)
                for job in jobs:
                    self._tell(job, stale[job.id], awaited.get(job.id))
            except StoreUnavailable as error:
                # The next re-read makes up for it.
                log.warning("hub.waits", reason=str(error)[:200])

    async def _reread(self) -> None:
        while True:
            await asyncio.sleep(_REREAD_EVERY)
            try:
                await self._look_at_watched()
                await self._look_at_ends()
            except StoreUnavailable as error:
                log.warning("hub.waits", reason=str(error)[:200])

    async def _look_at_watched(self) -> None:
        seen = {job_id: min(w.seen for w in ws) for job_id, ws in self._watches.items()}
        versions = await self._reads.versions(seen)
        self._stale |= {
            job_id: "" for job_id, version in versions.items() if version > seen.get(job_id, 0)
        }
        self._hinted.set()

    async def _look_at_ends(self) -> None:
        """Catch up, for filters, with ends whose hint was lost."""
        if not self._filters:
            return
        since = self._ends_seen_until - _ORDER_MARGIN
        while ended := await self._reads.ended_since(since, most=_MOST_ENDS):
            untold = [each for each in ended if self._told.get(each.job_id, 0) < each.version]
            for job in await self._reads.get_many(each.job_id for each in untold):
                self._tell(job, "")
            last = ended[-1].at
            self._ends_seen_until = max(self._ends_seen_until, last)
            if len(ended) < _MOST_ENDS:
                break
            since = max(last - _TICK, since + _TICK)  # others may have ended in the same tick

    async def _awaited_by(self, jobs: Sequence[Job]) -> dict[str, Awaited]:
        return {} if self._awaiting is None else await self._awaiting.of(jobs)

    def _tell(self, job: Job, hinted: str, awaited: Awaited | None = None) -> None:
        change = Change(job, event_named(job, hinted), awaited, self._paused())
        for watch in tuple(self._watches.get(job.id, ())):
            watch.offer(change)
        if self._filters and (change.event == "job.log" or self._is_news(job)):
            for watch_all in tuple(self._filters):
                watch_all.offer(change)

    def _is_news(self, job: Job) -> bool:
        if self._told.get(job.id, 0) >= job.version:
            return False
        self._told[job.id] = job.version
        self._told.move_to_end(job.id)
        if len(self._told) > _MOST_REMEMBERED:
            self._told.popitem(last=False)
        return True

    async def _want(self, key: str) -> None:
        if self._feed is not None:
            await self._feed.want(key)

    def _release(self, key: str) -> None:
        if self._feed is not None:
            self._feed.release(key)


def event_named(job: Job, hinted: str) -> str:
    """Name the change: what was hinted may be older than what was read."""
    if hinted in ("job.progress", "job.log") and not job.done:
        return hinted
    return event_of(job)
