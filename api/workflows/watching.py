"""Who watches which workflow on this gateway, and what of it was hinted at since they looked.

The ids of all jobs of a workflow carry the millisecond of its own id, so one look at an id tells
whether a hint may concern a watched workflow, and all its hints travel under one routing key.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from shared.contracts.errors import StoreUnavailable
from shared.contracts.events import Hint, shard_key
from shared.contracts.ids import moment_of
from shared.infrastructure.hint_feed import HintFeed
from shared.infrastructure.logs import get_logger
from shared.infrastructure.workflow.overview import Overview

log = get_logger(__name__)

_REREAD_EVERY = 5.0  # seconds


class WorkflowWatch:
    """What one listener has still to look at."""

    def __init__(self, workflow_id: str, *, jobs: bool) -> None:
        self.workflow_id = workflow_id
        self.jobs = jobs  # of the nodes as well
        self.version = 0  # of the workflow, as the listener knows it
        self._stale: dict[str, str] = {}  # ids, and the event of the newest hint
        self._whole = False
        self._missed = False
        self._arrived = asyncio.Event()

    def note(self, hint: Hint) -> None:
        """Note that something may have changed."""
        if hint.job_id == self.workflow_id:
            self.note_whole()
        elif self.jobs and (hint.event != "job.log" or hint.job_id not in self._stale):
            self._stale[hint.job_id] = hint.event
            self._arrived.set()

    def note_whole(self) -> None:
        """Note that the workflow itself has changed."""
        self._whole = True
        self._arrived.set()

    def note_gap(self) -> None:
        """Note that hints may have been lost."""
        self._missed = True
        self._arrived.set()

    async def wait(self) -> None:
        """Return once there is something to look at."""
        await self._arrived.wait()

    def take(self) -> tuple[dict[str, str], bool, bool]:
        """Return what to look at: jobs, whether the workflow itself, and whether for what is lost.

        From now on it counts as looked at.
        """
        taken = self._stale, self._whole or self._missed, self._missed
        self._stale, self._whole, self._missed = {}, False, False
        self._arrived.clear()
        return taken


class WatchedWorkflows:
    """Hands hints to whoever watches the workflow that they may concern."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview
        self._feed: HintFeed | None = None
        self._watches: defaultdict[str, set[WorkflowWatch]] = defaultdict(set)  # by moment

    def listen_to(self, feed: HintFeed) -> None:
        """Ask this feed for the keys that somebody needs."""
        self._feed = feed

    @asynccontextmanager
    async def watching(
        self, workflow_id: str, *, jobs: bool = False
    ) -> AsyncIterator[WorkflowWatch]:
        """Yield a watch that hears of every change from now on."""
        watch = WorkflowWatch(workflow_id, jobs=jobs)
        moment, key = moment_of(workflow_id), shard_key(workflow_id)
        self._watches[moment].add(watch)
        try:
            if self._feed is not None:
                await self._feed.want(key)
            yield watch
        finally:
            if self._feed is not None:
                self._feed.release(key)
            self._watches[moment].discard(watch)
            if not self._watches[moment]:
                del self._watches[moment]

    def on_hints(self, hints: Iterable[Hint]) -> None:
        """Note what to look at."""
        if self._watches:
            for hint in hints:
                for watch in self._watches.get(moment_of(hint.job_id), ()):
                    watch.note(hint)

    def on_gap(self) -> None:
        """Note that hints may have been lost: look at everything that is watched."""
        for watch in self._all():
            watch.note_gap()

    async def run(self) -> None:
        """Look at what is watched every few seconds, for ever: a hint may have been lost."""
        while True:
            await asyncio.sleep(_REREAD_EVERY)
            try:
                await self.look_again()
            except StoreUnavailable as error:
                log.warning("workflows.wait", reason=str(error)[:200])

    async def look_again(self) -> None:
        """Note which watched workflows have changed, and that jobs may have."""
        watches = self._all()
        versions = await self._overview.versions({watch.workflow_id for watch in watches})
        for watch in watches:
            if watch.jobs:
                watch.note_gap()
            elif versions.get(watch.workflow_id, 0) != watch.version:
                watch.note_whole()

    def _all(self) -> list[WorkflowWatch]:
        return [watch for watches in self._watches.values() for watch in watches]
