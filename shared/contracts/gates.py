"""Where a job stands that something still holds: its time, or its key."""

from datetime import datetime
from typing import Any

from shared.contracts.moves import Status

FOR_KEY = "key"
"""Why a job waits that stands in line in a lane."""


def in_line(keys: tuple[str, ...]) -> dict[str, Any]:
    """Return where a job stands that waits for nothing any more, except for its keys."""
    if not keys:
        return {"status": Status.QUEUED, "because": None}
    return {"status": Status.WAITING, "because": FOR_KEY, "lane": keys[0]}


def in_time(due_at: datetime) -> dict[str, Any]:
    """Return where a job stands whose time has not come."""
    return {"status": Status.WAITING, "because": "schedule", "due_at": due_at}
