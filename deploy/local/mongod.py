"""A private MongoDB: a replica set of one node with its own port and data, on loopback only."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.binaries import mongod
from deploy.local.ports import free_port, listens
from deploy.local.processes import ChildProcess, StartFailed, tail

REPLICA_SET = "rs0"
START = timedelta(seconds=60)
STOP = timedelta(seconds=20)
CACHE_GB = "1"
OPLOG_MB = "512"
NO_CONFIGURATION = 94  # NotYetInitialized
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
            [str(mongod()), *self._options(parameters or {})],
            environment=environment,
            log=directory / "mongod.log",
            remedy=REMEDY,
        )

    def _options(self, parameters: Mapping[str, str]) -> list[str]:
        options = {
            "--dbpath": str(self.directory / "data"),
            "--bind_ip": "127.0.0.1",
            "--port": str(self.port),
            "--replSet": REPLICA_SET,
            "--oplogSize": OPLOG_MB,
            "--wiredTigerCacheSizeGB": CACHE_GB,
        }
        settings = {"diagnosticDataCollectionEnabled": "false", **parameters}
        return [
            *(word for pair in options.items() for word in pair),
            "--nounixsocket",
            "--quiet",
            *(word for n, v in settings.items() for word in ("--setParameter", f"{n}={v}")),
        ]

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
        if not await asyncio.to_thread(become_primary, self.port, START, lambda: self.running):
            raise StartFailed(
                f"MongoDB did not become primary in {START.total_seconds():.0f} seconds; {REMEDY}\n"
                f"The end of its log:\n{tail(self._server.log)}"
            )

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


def become_primary(port: int, within: timedelta, lives: Callable[[], bool]) -> bool:
    """Make the server the primary of its own replica set; say whether it took in time.

    Blocks, so it runs in a thread; gives up at once when the server no longer lives.
    """
    deadline = time.monotonic() + within.total_seconds()
    options: dict[str, Any] = {"directConnection": True, "serverSelectionTimeoutMS": 2_000}
    with MongoClient[dict[str, Any]]("127.0.0.1", port, **options) as client:
        while lives() and time.monotonic() < deadline:
            try:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return True
                _arrange_replica_set(client, f"127.0.0.1:{port}")
            except PyMongoError:  # still starting, or between two states
                pass
            time.sleep(0.02)
    return False


def _arrange_replica_set(client: MongoClient[dict[str, Any]], host: str) -> None:
    """Found the set, or tell a set that was founded under another port where it now is."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code == NO_CONFIGURATION:
            client.admin.command("replSetInitiate", _founded_at(host))
        return
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _founded_at(host: str) -> dict[str, Any]:
    return {"_id": REPLICA_SET, "members": [{"_id": 0, "host": host}]}
