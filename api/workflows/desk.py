"""Everything of the gateway that deals with workflows, opened and closed as one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.cancelling import Cancelling
from api.catalogue import Catalogue
from api.held import HeldQueues
from api.workflows.following import Following
from api.workflows.showing import Showing
from api.workflows.steering import Steering
from api.workflows.submitting import Submitting
from api.workflows.watching import WatchedWorkflows
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.mongo import Database
from shared.infrastructure.workflow.awaiting import Awaiting


@dataclass(frozen=True, slots=True)
class Workflows:
    """What routes ask."""

    submitting: Submitting
    showing: Showing
    steering: Steering
    following: Following


@asynccontextmanager
async def open_workflows(
    database: Database,
    reads: JobReads,
    catalogue: Catalogue,
    cancelling: Cancelling,
    follow_ups: FollowUps,
    watched: WatchedWorkflows,
    held: HeldQueues,
) -> AsyncIterator[Workflows]:
    """Open all of it; `watched` is told of hints by whoever opened it."""
    showing = Showing(database)
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(watched.run())
        async with Submitting(database, catalogue, follow_ups).running() as submitting:
            yield Workflows(
                submitting=submitting,
                showing=showing,
                steering=Steering(database, catalogue, cancelling, follow_ups),
                following=Following(
                    watched, showing, reads, Awaiting(database), paused=lambda: held.paused
                ),
            )
        looking.cancel()
