"""A private MongoDB of three members, whose primary may be killed, frozen or told to step down."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.mongod import REMEDY, REPLICA_SET, START, STOP, mongod_command
from deploy.local.ports import free_port, listens
from deploy.local.processes import ChildProcess, StartFailed
from deploy.local.together import together

CACHE_GB = "0.25"
RECOMMENDED_ELECTION = timedelta(seconds=5)  # docs/recovery.md; MongoDB's own is 10 s
_LOOK_EVERY = 0.05  # seconds
_ALONE: dict[str, Any] = {
    "directConnection": True,
    "serverSelectionTimeoutMS": 1_000,
    "connectTimeoutMS": 1_000,
    "socketTimeoutMS": 2_000,  # a frozen member never answers
}


class Member:
    """One mongod of the set."""

    def __init__(
        self, directory: Path, environment: Mapping[str, str], parameters: Mapping[str, str]
    ) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.frozen = False
        self._data = directory / "data"
        self._server = ChildProcess(
            f"mongod-{directory.name}",
            mongod_command(directory, self.port, parameters, cache_gb=CACHE_GB),
            environment=environment,
            log=directory / "mongod.log",
            remedy=REMEDY,
        )

    @property
    def pid(self) -> int:
        """The process id; raises LookupError while it does not run."""
        return self._server.pid

    @property
    def running(self) -> bool:
        """Say whether its process lives, frozen or not."""
        return self._server.running

    async def start(self) -> None:
        """Start it and wait until it listens; its data are those it had."""
        self._data.mkdir(parents=True, exist_ok=True)
        await self._server.start(self._listens, START)

    async def _listens(self) -> bool:
        return listens(self.port)

    async def stop(self) -> None:
        """Stop it in good order."""
        self.thaw()
        await self._server.stop(STOP)

    async def kill(self) -> None:
        """SIGKILL it."""
        await self._server.kill()
        self.frozen = False

    def freeze(self) -> None:
        """SIGSTOP it: its connections stay open and say nothing."""
        self._server.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT it."""
        if self.frozen and self.running:
            self._server.send_signal(signal.SIGCONT)
        self.frozen = False

    async def close(self) -> None:
        """End it at once."""
        await self._server.kill_group()

    async def ask(self, command: str | dict[str, Any]) -> dict[str, Any]:
        """Run a command of the admin database on this member alone."""
        return await asyncio.to_thread(self._ask, command)

    def _ask(self, command: str | dict[str, Any]) -> dict[str, Any]:
        # Not the asynchronous client: closing one may hang while a member is frozen.
        with MongoClient[dict[str, Any]]("127.0.0.1", self.port, **_ALONE) as client:
            return client.admin.command(command)

    async def is_primary(self) -> bool:
        """Say whether it takes writes; False if it does not answer."""
        if self.frozen or not self.running:
            return False
        try:
            return bool((await self.ask("hello")).get("isWritablePrimary"))
        except PyMongoError:
            return False


class ReplicaSet:
    """Three members on loopback, with their data in one directory."""

    def __init__(
        self,
        directory: Path,
        *,
        environment: Mapping[str, str],
        election: timedelta = RECOMMENDED_ELECTION,
        parameters: Mapping[str, str] | None = None,
        size: int = 3,
    ) -> None:
        self.members = [
            Member(directory / f"member{number}", environment, parameters or {})
            for number in range(size)
        ]
        self.url = (
            f"mongodb://{','.join(m.address for m in self.members)}/?replicaSet={REPLICA_SET}"
        )
        self._election = election

    async def start(self) -> None:
        """Start the members, found the set and wait for its primary; raises StartFailed."""
        await together(*(member.start() for member in self.members))
        hosts = [{"_id": n, "host": m.address} for n, m in enumerate(self.members)]
        await self.members[0].ask(
            {
                "replSetInitiate": {
                    "_id": REPLICA_SET,
                    "members": hosts,
                    "settings": self._settings(),
                }
            }
        )
        await self.primary(within=START)

    def _settings(self) -> dict[str, int]:
        """A frozen member stays a healthy one until its heartbeats count as late, too."""
        seconds = self._election.total_seconds()
        return {"electionTimeoutMillis": int(1000 * seconds), "heartbeatTimeoutSecs": int(seconds)}

    async def primary(self, *, within: timedelta = timedelta(seconds=60)) -> Member:
        """The member that takes writes, once there is one; raises StartFailed."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                while True:
                    for member in self.members:
                        if await member.is_primary():
                            return member
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError as error:
            raise StartFailed(
                f"the replica set has no primary after {within.total_seconds():g} s"
            ) from error

    async def kill_primary(self) -> Member:
        """SIGKILL the primary; return it, to be started again."""
        member = await self.primary()
        await member.kill()
        return member

    async def freeze_primary(self) -> Member:
        """SIGSTOP the primary; return it, to be thawed."""
        member = await self.primary()
        member.freeze()
        return member

    async def step_down(self) -> Member:
        """Let the primary give its office to another, in good order."""
        member = await self.primary()
        with suppress(PyMongoError):  # it may close the connection that asked
            await member.ask({"replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5})
        return member

    async def whole(self) -> None:
        """Thaw and start whatever is not running, and wait for a primary."""
        for member in self.members:
            member.thaw()
            if not member.running:
                await member.start()
        await self.primary()

    async def close(self) -> None:
        """End all members at once."""
        await together(*(member.close() for member in self.members))


@asynccontextmanager
async def open_replica_set(
    directory: Path,
    *,
    environment: Mapping[str, str],
    election: timedelta = RECOMMENDED_ELECTION,
    parameters: Mapping[str, str] | None = None,
) -> AsyncIterator[ReplicaSet]:
    """Start a set for as long as the context is open."""
    members = ReplicaSet(
        directory, environment=environment, election=election, parameters=parameters
    )
    try:
        await members.start()
        yield members
    finally:
        await members.close()
