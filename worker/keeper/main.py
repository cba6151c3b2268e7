"""The keeper of one supervisor: opens its parts and runs its loops."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from shared.contracts.events import DUE_SOON
from shared.infrastructure.background import end
from shared.infrastructure.bell_queues import BellQueues
from shared.infrastructure.bell_ringer import BellRinger
from shared.infrastructure.control_sender import ControlSender
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.hint_feed import HintFeed
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_inserts import JobInserts
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_requests import JobRequests
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.job_times import JobTimes
from shared.infrastructure.job_window import JobWindow
from shared.infrastructure.lanes.admissions import Admissions
from shared.infrastructure.lanes.impatient import Impatient
from shared.infrastructure.lanes.sweep import LaneSweep
from shared.infrastructure.leases import Leases
from shared.infrastructure.limit_lines import LimitLines
from shared.infrastructure.limits import Limits
from shared.infrastructure.mongo import Database, Document
from shared.infrastructure.pauses import Pauses
from shared.infrastructure.queues import Queues
from shared.infrastructure.retention import Retention
from shared.infrastructure.scheduled_jobs import ScheduledJobs
from shared.infrastructure.schedules import ScheduleStore
from shared.infrastructure.settings import WorkerSettings
from shared.infrastructure.workers import Workers
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.progress import Ring, Runnable
from shared.infrastructure.workflow.retention import WorkflowRetention
from worker.keeper import (
    due,
    expiry,
    forgetting,
    graphs,
    invariants,
    lost,
    newcomers,
    refill,
    rescue,
)
from worker.keeper import lanes as lanes_loop
from worker.keeper import lines as lines_loop
from worker.keeper import schedules as schedules_loop
from worker.keeper import unpublished as unpublished_loop
from worker.keeper import unsettled as unsettled_loop
from worker.keeper.due import Due
from worker.keeper.expiry import Expiry
from worker.keeper.forgetting import Forgetting
from worker.keeper.graphs import Abandoned
from worker.keeper.invariants import Invariants
from worker.keeper.lanes import Lanes
from worker.keeper.leadership import Leadership
from worker.keeper.lines import Lines
from worker.keeper.loop import Loop, Tally, keep
from worker.keeper.lost import Lost
from worker.keeper.newcomers import Newcomers
from worker.keeper.refill import Refill
from worker.keeper.rescue import Rescue
from worker.keeper.ringing import MARK_EVERY, Ringing
from worker.keeper.room import Room
from worker.keeper.schedules import Schedules
from worker.keeper.unpublished import Unpublished
from worker.keeper.unsettled import Unsettled
from worker.keeper.window import Window


class Keeper:
    """The loops, each with what it needs."""

    def __init__(
        self,
        database: Database,
        settings: WorkerSettings,
        ringer: BellRinger,
        hints: HintSender,
        broker: BellQueues,
    ) -> None:
        workers, times, jobs = Workers(database), JobTimes(database), JobWindow(database)
        queries, ringing = JobRescue(database), Ringing(ringer, JobInserts(database))
        window = Window(
            jobs,
            Queues(database),
            workers,
            ringing,
            pauses=Pauses(database),
            size=settings.window,
        )
        follow_ups = FollowUps(database, hints, _bring(window))
        unsettled = Unsettled(queries, follow_ups, hints)
        abandoned = Abandoned(Graphs(database), follow_ups)
        room = Room(JobRequests(database), hints, ControlSender(settings, hints))
        lanes = _lanes(database, follow_ups.lanes, room, _bring(window), hints)
        self.due = Due(times, window, hints, lanes)
        limits, lines = Limits(database), LimitLines(database)
        self.lines = Lines(limits, lines, window, lanes, hints)
        joining = Newcomers(limits, lines, hints, self.lines)
        self.rescue = Rescue(
            rescue=queries,
            moves=JobMoves(database),
            workers=workers,
            ringing=ringing,
            unsettled=unsettled,
            hints=hints,
            lease=settings.lease,
        )
        unpublished = Unpublished(jobs, window, ringing)
        refilling = Refill(jobs, window, ringing)
        missing = Lost(jobs, workers, broker)
        expiring = Expiry(times, unsettled)
        forget = Forgetting(Retention(database), WorkflowRetention(database), settings.retention)
        schedules = _schedules(database, hints, window, room, lanes)
        self._promises = Invariants(queries, times, workers, lanes)
        self.loops = (
            Loop(name="due", step=self.due.step, every=due.EVERY, rest=self.due.rest),
            Loop(name="limits", step=self.lines.step, every=lines_loop.EVERY, rest=self.lines.rest),
            Loop(
                name="limit newcomers",
                step=joining.step,
                every=lines_loop.EVERY,
                full=newcomers.MOST,
                rest=joining.rest,
            ),
            Loop(
                name="lost limit lines",
                step=self.lines.sweep,
                every=lines_loop.SWEEP_EVERY,
                full=lines_loop.MOST,
            ),
            Loop(name="marks", step=ringing.mark, every=MARK_EVERY, everywhere=True),
            Loop(name="unpublished", step=unpublished.step, every=unpublished_loop.EVERY),
            Loop(name="refill", step=refilling.step, every=refill.EVERY),
            Loop(name="lost", step=missing.step, every=lost.EVERY),
            Loop(name="rescue", step=self.rescue.step, every=rescue.EVERY, everywhere=True),
            Loop(name="sweep", step=self.rescue.sweep, every=rescue.SWEEP_EVERY),
            Loop(
                name="unsettled",
                step=unsettled.step,
                every=unsettled_loop.EVERY,
                full=unsettled_loop.MOST,
            ),
            Loop(name="graphs", step=abandoned.begin, every=graphs.EVERY),
            Loop(name="half-stored", step=abandoned.sweep, every=graphs.SWEEP_EVERY),
            Loop(name="lanes", step=lanes.holders, every=lanes_loop.EVERY, full=lanes_loop.FULL),
            Loop(name="lines", step=lanes.lines, every=lanes_loop.LINES_EVERY),
            Loop(name="expiry", step=expiring.step, every=expiry.EVERY, full=expiry.MOST),
            Loop(name="retention", step=forget.step, every=forgetting.EVERY, full=forgetting.FULL),
            Loop(
                name="schedules",
                step=schedules.step,
                every=schedules_loop.EVERY,
                rest=schedules.rest,
            ),
            Loop(name="invariants", step=self._promises.step, every=invariants.EVERY),
        )
        self.tallies = {loop.name: Tally() for loop in self.loops}

    def note(self) -> Document:
        """Return what the keeper that leads says of itself, for the metrics."""
        loops = {name: tally.note() for name, tally in self.tallies.items()}
        return {"loops": loops, "broken": self._promises.broken}


def _bring(window: Window) -> Ring:
    """Return what brings runnable jobs to workers, as far as the broker's window has room."""

    async def bring(jobs: Sequence[Runnable]) -> None:
        await window.ring((job.band, job.id) for job in jobs)

    return bring


def _lanes(
    database: Database, admissions: Admissions, room: Room, ring: Ring, hints: HintSender
) -> Lanes:
    impatient = Impatient(database, admissions, room.make)
    return Lanes(LaneSweep(database), admissions, impatient, ring, hints)


def _schedules(
    database: Database, hints: HintSender, window: Window, room: Room, lanes: Lanes
) -> Schedules:
    return Schedules(
        store=ScheduleStore(database),
        jobs=ScheduledJobs(database),
        inserts=JobInserts(database),
        hints=hints,
        ring=window.ring,
        cancel=room.make,
        line_up=lanes.admit,
    )


@asynccontextmanager
async def running_keeper(
    database: Database, settings: WorkerSettings, name: str
) -> AsyncIterator[Rescue]:
    """Run the loops for as long as the context is open; yield the one that frees jobs."""
    ringer = BellRinger(settings, f"{name}-bells")
    hints = HintSender(settings, f"{name}-hints")
    broker = BellQueues(settings, f"{name}-queues")
    keeper = Keeper(database, settings, ringer, hints, broker)
    # Process ids repeat in containers.
    holder = f"{name}-{uuid4().hex[:12]}"
    leadership = Leadership(Leases(database), holder, note=keeper.note)

    def wake() -> None:
        keeper.due.wake()
        keeper.lines.wake()

    feed = HintFeed(settings, name, on_hints=lambda _: wake(), on_gap=wake)
    await feed.want(DUE_SOON)
    async with (
        ringer.running(),
        hints.running(),
        broker.running(),
        feed.running(),
        leadership.running(),
        asyncio.TaskGroup() as group,
    ):
        tasks = [
            group.create_task(keep(loop, keeper.tallies[loop.name], leadership))
            for loop in keeper.loops
        ]
        try:
            yield keeper.rescue
        finally:
            await end(*tasks)
