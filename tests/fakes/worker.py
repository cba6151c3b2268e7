"""The parts of a worker that a test does not concern."""

import asyncio
from typing import Any

import orjson

from shared.contracts.job import Job
from shared.infrastructure.heartbeat import Heartbeat
from shared.infrastructure.workflow.values import Before, Values
from worker.attempt import Attempt
from worker.growing import Grower
from worker.held_lanes import HeldLanes
from worker.limiting import Limiting
from worker.turns import NoRoom


class FakeHeartbeat(Heartbeat):
    """A lease that holds until the test says otherwise."""

    def __init__(self) -> None:
        self.holds = True
        self.buried = False
        self.draining = False

    @property
    def proven(self) -> bool:
        return self.holds

    def start(self) -> None:
        pass

    def loop_is_alive(self) -> None:
        pass


class FakeLimiting(Limiting):
    """Limits that let everybody in, or refuse everybody while `refuses` says so."""

    def __init__(self) -> None:
        self.refuses: NoRoom | None = None

    def ended(self, attempt: Attempt, error: BaseException | None) -> None:
        """Nobody hears."""

    async def enter(self, attempt: Attempt, given: dict[str, Any]) -> None:
        if self.refuses is not None:
            raise self.refuses


class FakeValues(Values):
    """Resolves nothing: no job here belongs to a workflow."""

    def __init__(self) -> None:
        pass

    async def input_of(self, job: Job, before: Before | None = None) -> Any:
        return orjson.loads(job.input)


class FakeGrower(Grower):
    """Lets nothing grow."""

    def __init__(self) -> None:
        pass

    def let_grow(self, attempt: Attempt) -> None:
        pass


class FakeHeldLanes(HeldLanes):
    """Jobs hold the lanes of their keys, but for those that are `shut_out`."""

    def __init__(self) -> None:
        self.shut_out: set[str] = set()
        self.waits: asyncio.Future[None] | None = None  # for this, if it is set

    def look(self, job: Job) -> asyncio.Future[None]:
        looked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        looked.set_result(None)
        return self.waits or looked

    async def hold(self, job: Job, looked: asyncio.Future[None]) -> bool:
        await looked
        return job.id not in self.shut_out
