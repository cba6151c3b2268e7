"""What a gateway does about lanes: composed in one place, and passed on whole."""

from collections.abc import AsyncIterator, Sequence, Set
from contextlib import asynccontextmanager

from api.cancelling import Cancelling
from api.lanes.admitting import Admitting, Ring
from api.lanes.caps import LaneCaps
from api.lanes.showing import LaneShowing
from api.lanes.steering import LaneSteering
from shared.contracts.job import Job
from shared.infrastructure.control_sender import ControlSender
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.job_requests import JobRequests
from shared.infrastructure.lanes.impatient import Impatient
from shared.infrastructure.lanes.looks import LaneLooks
from shared.infrastructure.mongo import Database
from shared.infrastructure.queue_depths import QueueDepths


class Lanes:
    """Lets jobs in, counts those in line, shows lanes and steers them."""

    def __init__(
        self,
        database: Database,
        hints: HintSender,
        control: ControlSender,
        follow_ups: FollowUps,
        *,
        ring: Ring,
    ) -> None:
        looks, admissions = LaneLooks(database), follow_ups.lanes
        outlines, requests = JobOutlines(database), JobRequests(database)
        self.cancelling = Cancelling(
            outlines, requests, hints, control, follow_ups.settle, freed=self.look_at
        )
        impatient = Impatient(database, admissions, self.cancelling.cancel)
        self._admitting = Admitting(admissions, impatient, hints, ring=ring)
        self.caps = LaneCaps(looks)
        self.showing = LaneShowing(looks, QueueDepths(database))
        self.steering = LaneSteering(database, looks, self.cancelling, self._admitting)

    async def let_in(self, jobs: Sequence[Job]) -> Set[str]:
        """Let jobs in that are about to be stored; return which came in."""
        return await self._admitting.let_in(jobs)

    def look_at(self, jobs: Sequence[Job]) -> None:
        """See to what follows for the lanes of these jobs from how they stand."""
        self._admitting.look_at(jobs)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Lanes"]:
        """Let jobs in for as long as the context is open."""
        async with self._admitting.running():
            yield self
