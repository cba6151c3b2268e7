"""An attempt under way in this process: what it has been told, and what its task knows of that."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.attempt import Progress
from shared.contracts.job import Job
from shared.infrastructure.workflow.values import Before
from warren.growing import Planted, SpawnOptions
from worker.spawning import Spawning
from worker.trails import Trail
from worker.turns import Granted

Grow = Callable[["Attempt", dict[str, Any], SpawnOptions], Planted | Awaitable[Planted]]


class Attempt:
    """One attempt; the task, its execution and the runner meet here.

    `cancelled` is read by the task from any thread; all else happens on the event loop.
    """

    __slots__ = (
        "abandoned",
        "asked",
        "before",
        "began",
        "cut",
        "grew_before",
        "grow",
        "has_slot",
        "job",
        "knows",
        "late",
        "leases",
        "left",
        "marked",
        "on_left",
        "progress",
        "running",
        "saw_outage",
        "slot_since",
        "spawned",
        "spawning",
        "trail",
        "turns",
        "waits",
    )

    def __init__(
        self,
        job: Job,
        *,
        on_left: "Callable[[Attempt, BaseException], None] | None" = None,
        after: "Attempt | None" = None,
        before: Before | None = None,
        trail: Trail | None = None,
    ) -> None:
        self.job = job
        self.trail = trail  # on which the slot came here, along a chain
        self.before = before  # what the job before it gave, if it goes on with that one's slot
        self.asked = job.cancel_asked_at is not None  # somebody cancels the job
        self.late = False  # its soft timeout is over, or this worker stops
        self.knows = False  # it was cut short, or saw that its job is cancelled
        self.abandoned = False  # this worker stops: whatever the task does is no end
        self.left = False  # its end was written although the task still runs
        self.progress: Progress | None = None  # the last; goes with the end, stored before or not
        self.cut: Callable[[], object] | None = None  # cuts the task short, where that is possible
        self.running: asyncio.Task[Any] | None = None
        self.grow: Grow | None = None  # plants a graph that the task spawns, while it runs
        self.spawned: list[str | None] = []  # the names given with each call
        self.spawning: list[Spawning] = []  # those on the event loop
        self.marked = False  # it is noted on the job that graphs grow from it
        self.grew_before = False  # it was already: an earlier attempt may have spawned the same
        self.waits = False  # the job ends only when what was spawned has
        self.turns: Sequence[Granted] = ()  # of limits, with which it began
        self.leases: list[Granted] = []  # taken inside, and not known how their calls went
        self.saw_outage = False  # its task says that the other side is out of order
        self.began = time.monotonic()
        self.slot_since: float = self.began if after is None else after.slot_since
        self.has_slot = True  # neither given back nor passed on to its heir
        self.on_left = on_left

    @property
    def cancelled(self) -> bool:
        """Say to the task whether it should stop; that it saw a cancellation is remembered."""
        if self.asked:
            self.knows = True
        return self.asked or self.late

    @property
    def now(self) -> datetime:
        """Return the present instant in the store's time, which our clock need not show."""
        since = timedelta(seconds=time.monotonic() - self.began)
        return (self.job.started_at or datetime.now(UTC)) + since

    async def stands(self) -> None:
        """Return once the loss of a primary cannot undo any more that the job is ours."""
        if self.trail is not None:
            await self.trail.proven()

    def ask(self) -> None:
        """Ask the task to stop, since its job is cancelled; more than once is the same."""
        if not self.asked:
            self.asked = True
            if self.cut is not None:
                self.cut()

    def abandon(self) -> None:
        """Stop the task because this worker stops: the attempt comes to no end."""
        self.abandoned = self.late = True
        if self.running is not None:
            self.running.cancel()

    def leave(self, error: BaseException) -> None:
        """Give up on a task that goes on although its time is over."""
        self.left = True
        if self.on_left is not None:
            self.on_left(self, error)
