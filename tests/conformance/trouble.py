"""Trouble in MongoDB, made with its own fail points."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.conformance.store import Store

LOST_PRIMARY = 11602  # InterruptedDueToReplStateChange


@asynccontextmanager
async def failing(store: Store, *, command: str, mode: Any, **data: Any) -> AsyncIterator[None]:
    """Let a command fail with what a server says that has just lost its primary.

    With `writeConcernError` it takes effect, and only then says that it is not durable.
    """
    admin = store.database.client.admin
    code = {} if "writeConcernError" in data else {"errorCode": LOST_PRIMARY}
    what = {"failCommands": [command], **code, **data}
    await admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": what})
    try:
        yield
    finally:
        await admin.command({"configureFailPoint": "failCommand", "mode": "off"})
