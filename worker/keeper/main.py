"""The keeper of one supervisor: opens its parts and runs its loops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.infrastructure.bell_ringer import BellRinger
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_inserts import JobInserts
from shared.infrastructure.job_rescue import JobRescue
from shared.infrastructure.mongo import Database
from shared.infrastructure.settings import WorkerSettings
from shared.infrastructure.workers import Workers
from worker.keeper import rescue as rescue_loop
from worker.keeper import unpublished as unpublished_loop
from worker.keeper import unsettled as unsettled_loop
from worker.keeper.loop import keep
from worker.keeper.rescue import Rescue
from worker.keeper.unpublished import Unpublished
from worker.keeper.unsettled import Unsettled


@asynccontextmanager
async def running_keeper(
    database: Database, settings: WorkerSettings, name: str
) -> AsyncIterator[Rescue]:
    """Run the loops for as long as the context is open; yield the one that frees jobs."""
    queries, workers = JobRescue(database), Workers(database)
    async with (
        BellRinger(settings, f"{name}-bells").running() as ringer,
        HintSender(settings, f"{name}-hints").running() as hints,
        asyncio.TaskGroup() as group,
    ):
        unpublished = Unpublished(queries, JobInserts(database), workers, ringer)
        unsettled = Unsettled(queries, hints)
        rescue = Rescue(
            rescue=queries,
            ends=JobEnds(database),
            workers=workers,
            unpublished=unpublished,
            unsettled=unsettled,
            hints=hints,
            lease=settings.lease,
        )
        loops = [
            keep("unpublished", unpublished.step, every=unpublished_loop.EVERY),
            keep("rescue", rescue.step, every=rescue_loop.EVERY),
            keep("unsettled", unsettled.step, every=unsettled_loop.EVERY),
        ]
        tasks = [group.create_task(loop) for loop in loops]
        try:
            yield rescue
        finally:
            for task in tasks:
                task.cancel()
