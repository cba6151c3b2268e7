"""One worker process: opens its parts, runs jobs, hands unfinished ones back when it stops."""

import os
import socket
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import uvloop

from shared.contracts.errors import BadSetting, LeaseLost, Unavailable
from shared.contracts.job import Job
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.bell_consumer import BellConsumer
from shared.infrastructure.bell_ringer import BellRinger
from shared.infrastructure.control_feed import ControlFeed
from shared.infrastructure.end_statements import End
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.heartbeat import Heartbeat
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_reports import JobReports
from shared.infrastructure.lanes.rows import LaneRows
from shared.infrastructure.limit_turns import LimitTurns
from shared.infrastructure.limits import Limits
from shared.infrastructure.logs import configure_logs, get_logger
from shared.infrastructure.mongo import Database, Document, open_mongo
from shared.infrastructure.pauses import Pauses
from shared.infrastructure.schedules import ScheduleStore
from shared.infrastructure.settings import WorkerSettings, load
from shared.infrastructure.task_catalogue import TaskCatalogue
from shared.infrastructure.workers import WorkerRow, Workers
from shared.infrastructure.workflow.growing import Growing
from shared.infrastructure.workflow.inheriting import Inheriting
from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.values import Values
from worker.attempt import Attempt
from worker.bequeathing import Bequeathing, Step
from worker.consumer import Tools
from worker.declared_schedules import declare, declared_schedules
from worker.ending import Ending, Followed
from worker.executions.loop import OnTheLoop
from worker.executions.processes import InProcesses
from worker.executions.threads import InThreads
from worker.executor import Executor
from worker.exits import BAD_SETTING, LEASE_LOST
from worker.following import NextJobs
from worker.growing import Grower
from worker.handing_back import HandingBack
from worker.heirs import Heirs
from worker.held_lanes import HeldLanes
from worker.last_words import LastWords
from worker.limiting import Limiting
from worker.loop_watch import LoopWatch
from worker.orders import Orders
from worker.outcomes import Outcomes
from worker.quarantine import Quarantine
from worker.registry import Registry, load_registry
from worker.reports import Reports
from worker.runner import Runner
from worker.slots import Slots
from worker.stopping import stop_of_this_process
from worker.store_clock import StoreClock
from worker.trails import Trails
from worker.turns import Turns

log = get_logger(__name__)

_NOBODY_WAITS = 0.1  # seconds until a chain is noted to have come further: its next job runs
_NOTED_WITHIN = 1.0  # seconds until it is noted that all has been done that follows from an end
_NOTED_SOON = 0.05  # the same for the end of a workflow


async def work(worker: str, settings: WorkerSettings, registry: Registry) -> None:
    """Run jobs until a signal, or the end of the supervisor, asks us to stop."""
    schedules = declared_schedules(registry, _source(settings))
    stop = stop_of_this_process(grace_s=settings.grace_s)
    async with open_mongo(settings, app="warren-worker") as database:
        await TaskCatalogue(database).declare(registry.entries())
        await declare(ScheduleStore(database), schedules, source=_source(settings))
        async with _parts(worker, settings, registry, database) as (runner, source, orders):
            await runner.run(source, orders, stop)
        await Workers(database).set_state(worker, "stopped")


async def _settle(follow_ups: FollowUps, batch: list[Followed]) -> None:
    taken = frozenset(each.heir for each in batch if each.heir is not None)
    await follow_ups.settle([each.job for each in batch], taken=taken)


def _source(settings: WorkerSettings) -> str:
    return ",".join(settings.tasks)


@asynccontextmanager
async def _parts(
    worker: str, settings: WorkerSettings, registry: Registry, database: Database
) -> AsyncIterator[tuple[Runner, BellConsumer, Orders]]:
    """Open everything that lives as long as the process; close it in reverse order."""
    slots = Slots(settings.slots)
    queues = settings.queues or registry.queues
    attempts: dict[str, Attempt] = {}
    hints = HintSender(settings, f"{worker}-hints")
    ringer = BellRinger(settings, f"{worker}-bells")
    reports = Reports(JobReports(database), hints)
    claims = JobClaims(database, tasks=registry.names)
    next_jobs = NextJobs(
        queues=queues,
        tasks=registry.names,
        slots=slots,
        ringer=ringer,
        hear=lambda bell: runner.consumer.hear(bell),  # noqa: PLW0108 -- it is opened later
    )
    follow_ups = FollowUps(
        database,
        hints,
        next_jobs.bring,
        note_later=lambda job, soon: settled.put(
            job, within=_NOTED_SOON if soon else _NOTED_WITHIN
        ),
    )
    settled = GroupCommit[Job](follow_ups.note)
    settling = GroupCommit[Followed](partial(_settle, follow_ups))
    ends = JobEnds(database)
    ending = Ending(
        ends, hints, follow=lambda job: settling.put(job, within=_NOBODY_WAITS if job.heir else 0)
    )
    inheriting = Inheriting(database, ends)
    bequeathing = Bequeathing(
        inheriting,
        ending,
        hints,
        go_on=lambda step, heir: runner.go_on(step, heir),  # noqa: PLW0108 -- it is opened later
    )
    trails = Trails(inheriting, bequeathing.tell)
    turns = Turns(LimitTurns(database), Limits(database), StoreClock(), worker=worker)
    outcomes = Outcomes(Limits(database))
    held_lanes = HeldLanes(LaneRows(database))
    claims.lined = turns.lined
    watch = LoopWatch(attempts, reports)
    on_the_loop = OnTheLoop()

    def counts() -> Document:
        return {
            "running": slots.taken,
            "finished": ending.finished,
            "discarded": ending.discarded,
            "left": len(on_the_loop.left),
            "blocked_s": round(watch.blocked_s, 1),
            "heard": dict(runner.consumer.finished),
        }

    heartbeat = Heartbeat(
        settings,
        _row(worker, settings, registry, queues),
        counts=counts,
        on_blocked_out=LastWords(attempts, watch).say,
    )
    async with AsyncExitStack() as exits:
        end_writer = GroupCommit[End](ending.write)
        bequests = GroupCommit[Step](bequeathing.write)
        written = (end_writer, trails, bequests, turns.asking, outcomes, held_lanes)
        for part in (hints, ringer, reports, settled, settling, *written):
            await exits.enter_async_context(part.running())
        exits.enter_context(watch.running(alive=heartbeat.loop_is_alive))
        exits.callback(heartbeat.stop)
        threads = ThreadPoolExecutor(settings.slots, thread_name_prefix="task")
        exits.callback(threads.shutdown, wait=False)  # those that do not end end with the process
        in_processes = InProcesses(settings.tasks)
        exits.push_async_callback(in_processes.close)
        executor = Executor(
            registry,
            {"loop": on_the_loop, "thread": InThreads(threads), "process": in_processes},
            reports,
            Values(database),
            Grower(registry, TaskCatalogue(database), Growing(database), follow_ups),
            Limiting(turns, outcomes, hints),
            held_lanes,
            most=settings.max_result_bytes,
        )
        runner = Runner(
            worker=worker,
            attempts=attempts,
            executor=executor,
            quarantine=Quarantine(claims, slots=settings.slots),
            end_writer=end_writer,
            heirs=Heirs(
                worker,
                read=NodeJobs(database).read,
                claims=claims,
                queues=queues,
                heartbeat=heartbeat,
            ),
            bequests=bequests,
            trails=trails,
            handing_back=HandingBack(JobMoves(database), ringer, hints),
            hints=hints,
            tools=Tools(claims, ringer, heartbeat, slots),
            grace=timedelta(seconds=settings.grace_s),
        )
        orders = Orders(
            worker,
            attempts,
            claims=claims,
            workers=Workers(database),
            heartbeat=heartbeat,
            pauses=Pauses(database),
        )
        source = BellConsumer(
            settings,
            worker,
            queues,
            on_bell=runner.consumer.hear,
            on_lost=runner.consumer.forget,
            beside=ControlFeed(settings, worker, on_order=orders.hear).listen,
        )
        yield runner, source, orders


def _row(
    worker: str, settings: WorkerSettings, registry: Registry, queues: tuple[str, ...]
) -> WorkerRow:
    return WorkerRow(
        id=worker,
        host=socket.gethostname(),
        pid=os.getpid(),
        queues=queues,
        tasks=registry.names,
        slots=settings.slots,
    )


async def _live(worker: str, settings: WorkerSettings, registry: Registry) -> None:
    """Work, then end the process from within: tasks that do not end must not keep it."""
    code = 0
    try:
        await work(worker, settings, registry)
    except BadSetting as error:
        log.error("worker.refused", reason=str(error))
        code = BAD_SETTING
    except (LeaseLost, Unavailable) as error:
        log.error("worker.ended", reason=str(error))
        code = LEASE_LOST
    except BaseException:
        log.exception("worker.failed")
        code = 1
    os._exit(code)


def main() -> None:
    """Run one worker process; its id is the first argument."""
    worker = sys.argv[1]
    try:
        settings = load(WorkerSettings)
        configure_logs(settings.log, worker=worker)
        registry = load_registry(settings.tasks)
    except BadSetting as error:
        log.error("worker.refused", reason=str(error))
        sys.exit(BAD_SETTING)
    uvloop.run(_live(worker, settings, registry))


if __name__ == "__main__":
    main()
