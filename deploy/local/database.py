"""What the local stack asks of MongoDB itself. Every call blocks, so each runs in a thread."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

Client = MongoClient[dict[str, Any]]
NO_CONFIGURATION = 94  # NotYetInitialized


def become_primary(
    port: int, replica_set: str, within: timedelta, lives: Callable[[], bool]
) -> bool:
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
                _arrange_replica_set(client, replica_set, f"127.0.0.1:{port}")
            except PyMongoError:  # still starting, or between two states
                pass
            time.sleep(0.02)
    return False


def _arrange_replica_set(client: Client, replica_set: str, host: str) -> None:
    """Found the set, or tell a set that was founded under another port where it now is."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code == NO_CONFIGURATION:
            founded = {"_id": replica_set, "members": [{"_id": 0, "host": host}]}
            client.admin.command("replSetInitiate", founded)
        return
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def has_live_worker(url: str, supervisor: int, database: str) -> bool:
    """Say whether a process of this supervisor has said that it runs jobs."""
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=5_000) as client:
        rows = client[database]["workers"].find({"state": "running"}, {"pid": 1})
        return any(_parent_of(row.get("pid")) == supervisor for row in rows)


def _parent_of(pid: object) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return next((int(ln.split()[1]) for ln in status.splitlines() if ln.startswith("PPid:")), None)
