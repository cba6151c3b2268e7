"""One worker process: opens its parts, runs jobs, hands unfinished ones back when it stops."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta

import uvloop

from shared.contracts.errors import BadSetting, LeaseLost, Unavailable
from shared.infrastructure.batching import GroupCommit
from shared.infrastructure.bell_consumer import BellConsumer
from shared.infrastructure.bell_ringer import BellRinger
from shared.infrastructure.end_statements import End
from shared.infrastructure.heartbeat import Heartbeat
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_reports import JobReports
from shared.infrastructure.logs import configure_logs, get_logger
from shared.infrastructure.mongo import Database, open_mongo
from shared.infrastructure.settings import WorkerSettings, load
from shared.infrastructure.task_catalogue import TaskCatalogue
from shared.infrastructure.workers import WorkerRow, Workers
from worker.consumer import Tools
from worker.ending import Ending
from worker.executions.loop import OnTheLoop
from worker.executions.processes import InProcesses
from worker.executions.threads import InThreads
from worker.executor import Executor
from worker.exits import BAD_SETTING, LEASE_LOST
from worker.quarantine import Quarantine
from worker.registry import Registry, load_registry
from worker.reports import Reports
from worker.runner import Runner
from worker.slots import Slots

log = get_logger(__name__)


async def work(worker: str, settings: WorkerSettings, registry: Registry) -> None:
    """Run jobs until a signal, or the end of the supervisor, asks us to stop."""
    stop = _stop_requested()
    async with open_mongo(settings, app="warren-worker") as database:
        await TaskCatalogue(database).declare(registry.entries())
        async with _parts(worker, settings, registry, database) as (runner, source):
            await runner.run(source, stop)
        await Workers(database).set_state(worker, "stopped")


@asynccontextmanager
async def _parts(
    worker: str, settings: WorkerSettings, registry: Registry, database: Database
) -> AsyncIterator[tuple[Runner, BellConsumer]]:
    """Open everything that lives as long as the process; close it in reverse order."""
    slots = Slots(settings.slots)
    queues = settings.queues or registry.queues
    hints = HintSender(settings, f"{worker}-hints")
    ringer = BellRinger(settings, f"{worker}-bells")
    claims = JobClaims(database, tasks=registry.names)
    ends = JobEnds(database)
    ending = Ending(ends, hints)
    heartbeat = Heartbeat(
        settings,
        _row(worker, settings, registry, queues),
        counts=lambda: {
            "running": slots.taken,
            "finished": ending.finished,
            "discarded": ending.discarded,
        },
    )
    async with (
        hints.running(),
        ringer.running(),
        Reports(JobReports(database), hints).running() as reports,
        GroupCommit[End](ending.write).running() as end_writer,
    ):
        with ThreadPoolExecutor(settings.slots, thread_name_prefix="task") as threads:
            in_processes = InProcesses(settings.tasks)
            executor = Executor(
                registry,
                {"loop": OnTheLoop(), "thread": InThreads(threads), "process": in_processes},
                reports,
                most=settings.max_result_bytes,
            )
            runner = Runner(
                executor=executor,
                quarantine=Quarantine(claims, slots=settings.slots),
                end_writer=end_writer,
                ends=ends,
                hints=hints,
                tools=Tools(claims, ringer, heartbeat, slots),
                grace=timedelta(seconds=settings.grace_s),
                worker=worker,
            )
            source = BellConsumer(
                settings,
                worker,
                queues,
                on_bell=runner.consumer.hear,
                on_lost=runner.consumer.forget,
            )
            try:
                yield runner, source
            finally:
                reports.cancel_all()
                heartbeat.stop()
                await in_processes.close()


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


def _stop_requested() -> asyncio.Event:
    """Return an event that SIGTERM sets, and the end of the pipe from our supervisor."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the supervisor decides
    loop.add_reader(sys.stdin.fileno(), stop.set)
    return stop


def main() -> None:
    """Run one worker process; its id is the first argument."""
    worker = sys.argv[1]
    try:
        settings = load(WorkerSettings)
        configure_logs(settings.log, worker=worker)
        registry = load_registry(settings.tasks)
        uvloop.run(work(worker, settings, registry))
    except BadSetting as error:
        log.error("worker.refused", reason=str(error))
        os._exit(BAD_SETTING)
    except (LeaseLost, Unavailable) as error:
        log.error("worker.ended", reason=str(error))
        os._exit(LEASE_LOST)  # threads that run tasks must not keep a process without a lease
    os._exit(0)


if __name__ == "__main__":
    main()
