"""RabbitMQ and MongoDB together, as one thing that opens, gives its settings away and closes."""

import os
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from deploy.local.mongod import MongoDB
from deploy.local.processes import MARK, kill_marked
from deploy.local.rabbitmq import RabbitMQ
from deploy.local.together import together

ROOT = Path(__file__).resolve().parents[2]
# What a person set for a service of their own must not reach ours, except for the two addresses.
OURS = "WARREN_"


class NotOurs(Exception):
    """A server that somebody else runs was to be stopped or started."""


class Stack:
    """Where RabbitMQ and MongoDB are, and how to stop and start those that we run."""

    def __init__(
        self,
        directory: Path,
        *,
        mark: str,
        keep_data: bool,
        exits: AsyncExitStack,
        rabbit: RabbitMQ | str,
        mongo: MongoDB | str,
    ) -> None:
        self.directory = directory
        self.mark = mark
        self.keep_data = keep_data
        self.exits = exits
        self.through: Sequence[str] = ()  # a module that starts our services, with its arguments
        self._rabbit = rabbit
        self._mongo = mongo

    @property
    def rabbit_url(self) -> str:
        """Where the broker is."""
        return self._rabbit if isinstance(self._rabbit, str) else self._rabbit.url

    @property
    def mongo_url(self) -> str:
        """Where the database is."""
        return self._mongo if isinstance(self._mongo, str) else self._mongo.url

    @property
    def rabbit(self) -> RabbitMQ:
        """The broker's handle; raises NotOurs if WARREN_RABBIT_URL names one."""
        if isinstance(self._rabbit, str):
            raise NotOurs("WARREN_RABBIT_URL names a broker of yours: unset it to stop or start it")
        return self._rabbit

    @property
    def mongo(self) -> MongoDB:
        """The database's handle; raises NotOurs if WARREN_MONGO_URL names one."""
        if isinstance(self._mongo, str):
            raise NotOurs(
                "WARREN_MONGO_URL names a database of yours: unset it to stop or start it"
            )
        return self._mongo

    def servers(self) -> list[RabbitMQ | MongoDB]:
        """The servers that we run ourselves."""
        return [part for part in (self._mongo, self._rabbit) if not isinstance(part, str)]

    def environment(self) -> dict[str, str]:
        """The whole environment for a process that uses this stack."""
        return {
            **clean_environment(os.environ, self.mark),
            "WARREN_RABBIT_URL": self.rabbit_url,
            "WARREN_MONGO_URL": self.mongo_url,
        }


@asynccontextmanager
async def open_stack(
    directory: Path,
    *,
    keep_data: bool = False,
    start: bool = True,
    mongo_parameters: Mapping[str, str] | None = None,
) -> AsyncIterator[Stack]:
    """Start what the environment does not name; on the way out end it, whatever happened.

    With `keep_data` the servers stop in good order and find their data at the next start in the
    same directory; else they end at once and the directory is removed. With `start=False` the
    caller starts `servers()`. `mongo_parameters` are mongod's, for example
    {"enableTestCommands": "1"} for fail points. Raises StartFailed or NotInstalled.
    """
    mark = uuid.uuid4().hex
    environment = clean_environment(os.environ, mark)
    async with AsyncExitStack() as exits:
        exits.callback(_leave_nothing, mark, None if keep_data else directory)
        rabbit = os.environ.get("WARREN_RABBIT_URL") or RabbitMQ(
            directory / "rabbitmq", environment=environment
        )
        mongo = os.environ.get("WARREN_MONGO_URL") or MongoDB(
            directory / "mongodb", environment=environment, parameters=mongo_parameters
        )
        stack = Stack(
            directory, mark=mark, keep_data=keep_data, exits=exits, rabbit=rabbit, mongo=mongo
        )
        for server in stack.servers():
            exits.push_async_callback(server.close, in_good_order=keep_data)
        if start:
            await together(*(server.start() for server in stack.servers()))
        yield stack


def clean_environment(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """The caller's environment without settings meant for another Warren, with our mark."""
    kept = {name: text for name, text in environment.items() if not name.startswith(OURS)}
    return {**kept, MARK: mark}


def _leave_nothing(mark: str, directory: Path | None) -> None:
    kill_marked(mark)
    if directory is not None:
        shutil.rmtree(directory, ignore_errors=True)
