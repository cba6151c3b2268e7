"""A supervisor's keeper without its workers, as a process of its own."""

import asyncio
import os
import signal

from shared.infrastructure.collections import ensure_indexes
from shared.infrastructure.logs import configure_logs
from shared.infrastructure.mongo import open_mongo
from shared.infrastructure.settings import WorkerSettings, load
from worker.keeper.main import running_keeper


async def run() -> None:
    """Keep until SIGTERM."""
    settings = load(WorkerSettings)
    configure_logs(settings.log)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_mongo(settings, app="keeper-alone") as database:
        await ensure_indexes(database)
        async with running_keeper(database, settings, f"keeper-{os.getpid()}"):
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(run())
