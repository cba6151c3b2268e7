"""A private MongoDB: a replica set of one node with its own port and data, on loopback only."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from deploy.local.binaries import mongod
from deploy.local.ports import free_port, listens
from deploy.local.processes import ChildProcess, StartFailed, tail

REPLICA_SET = "rs0"
START = timedelta(seconds=60)
STOP = timedelta(seconds=20)
CACHE_GB = "1"
OPLOG_MB = "512"
REMEDY = (
    "remove its folder to start from nothing, or set WARREN_MONGO_URL to a replica set of yours"
)


class MongoDB:
    """The database of one stack. Restarts keep port, URL and data."""

    def __init__(
        self,
        directory: Path,
        *,
        environment: Mapping[str, str],
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"mongodb://127.0.0.1:{self.port}/?replicaSet={REPLICA_SET}"
        self._server = ChildProcess(
            "MongoDB",
            mongod_command(directory, self.port, parameters or {}, cache_gb=CACHE_GB),
            environment=environment,
            log=directory / "mongod.log",
            remedy=REMEDY,
        )

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self._server.name

    @property
    def log(self) -> Path:
        """The file that has its output."""
        return self._server.log

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._server.pid

    @property
    def running(self) -> bool:
        """Say whether the server's process lives."""
        return self._server.running

    async def start(self) -> None:
        """Start the server and wait until it takes writes; raises StartFailed."""
        (self.directory / "data").mkdir(parents=True, exist_ok=True)
        await self._server.start(self._listens, START)
        if not await asyncio.to_thread(self._become_primary):
            raise StartFailed(
                f"MongoDB did not become primary in {START.total_seconds():.0f} seconds; {REMEDY}\n"
                f"The end of its log:\n{tail(self._server.log)}"
            )

    def _become_primary(self) -> bool:
        # PyMongo takes long to load; here, in a thread, it does while the servers boot.
        from deploy.local.database import become_primary  # noqa: PLC0415

        return become_primary(self.port, REPLICA_SET, START, lambda: self.running)

    async def _listens(self) -> bool:
        return listens(self.port)

    async def stop(self) -> None:
        """Stop the server in good order; its data stays."""
        await self._server.stop(STOP)

    async def kill(self) -> None:
        """SIGKILL the server; what was journaled stays."""
        await self._server.kill()

    async def restart(self) -> None:
        """Stop and start again, with the same data."""
        await self.stop()
        await self.start()

    async def ended(self) -> int:
        """Wait until the server's process is gone; return its exit code."""
        return await self._server.ended()

    async def close(self, *, in_good_order: bool) -> None:
        """End the server: with care for the data, or at once."""
        await (self._server.stop(STOP) if in_good_order else self._server.kill_group())


def mongod_command(
    directory: Path, port: int, parameters: Mapping[str, str], *, cache_gb: str
) -> list[str]:
    """The words that start a private member of a replica set with its data in `directory`."""
    options = {
        "--dbpath": str(directory / "data"),
        "--bind_ip": "127.0.0.1",
        "--port": str(port),
        "--replSet": REPLICA_SET,
        "--oplogSize": OPLOG_MB,
        "--wiredTigerCacheSizeGB": cache_gb,
    }
    settings = {"diagnosticDataCollectionEnabled": "false", **parameters}
    return [
        str(mongod()),
        *(word for pair in options.items() for word in pair),
        "--nounixsocket",
        "--quiet",
        *(word for n, v in settings.items() for word in ("--setParameter", f"{n}={v}")),
    ]
