"""The composition root of a worker: the supervisor with its keeper."""

import asyncio
import os
import signal
import sys

from shared.contracts.errors import BadSetting, StoreUnavailable
from shared.infrastructure.collections import ensure_indexes
from shared.infrastructure.logs import configure_logs, get_logger
from shared.infrastructure.mongo import Database, open_mongo
from shared.infrastructure.settings import WorkerSettings, load
from shared.infrastructure.workers import Workers
from shared.infrastructure.writes import until_stored
from worker.keeper.main import running_keeper
from worker.keeper.rescue import Rescue
from worker.supervisor import Supervisor

log = get_logger(__name__)


async def supervise(settings: WorkerSettings) -> None:
    """Run worker processes and the keeper until a signal asks us to stop."""
    async with open_mongo(settings, app="warren-supervisor") as database:
        await until_stored(lambda: ensure_indexes(database))
        async with running_keeper(database, settings, f"keeper-{os.getpid()}") as rescue:
            supervisor = Supervisor(
                processes=settings.processes,
                grace_s=settings.grace_s,
                on_death=lambda worker: _free_jobs(database, rescue, worker),
            )
            loop = asyncio.get_running_loop()
            for stop_signal in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(stop_signal, supervisor.stop)
            await supervisor.run()


async def _free_jobs(database: Database, rescue: Rescue, worker: str) -> bool:
    """Release what a dead process held; say whether another may take its place."""
    draining = await until_stored(lambda: Workers(database).is_draining(worker))
    released = await until_stored(lambda: rescue.release(worker))
    log.info("worker.released", dead=worker, jobs=released)
    return not draining


def main() -> int:
    """Run the worker; return its exit code."""
    refusals: list[BaseException] = []
    try:
        settings = load(WorkerSettings)
        configure_logs(settings.log)
        asyncio.run(supervise(settings))
    except* (BadSetting, StoreUnavailable) as errors:
        refusals.append(_first(errors))
    for refusal in refusals:
        sys.stderr.write(f"warren worker: {refusal}\n")
    return 1 if refusals else 0


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
