"""What the benchmark needs to know of a system before it can measure it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pymongo.asynchronous.database import AsyncDatabase

from bench.processes import Child, start

Database = AsyncDatabase[dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where one round happens: its services, its own database, its port and its logs."""

    rabbit_url: str
    mongo_url: str
    database: str
    port: int
    logs: Path
    environment: Mapping[str, str]

    def start(self, role: str, command: Sequence[str], settings: Mapping[str, str]) -> Child:
        """Start one process of a system; it logs to a file named after its role."""
        log = self.logs / f"{role}.log"
        return start(role, command, {**self.environment, **settings}, log)

    def database_url(self, options: str) -> str:
        """The MongoDB address with this round's database and more options in it."""
        address, _, given = self.mongo_url.partition("?")
        scheme, _, rest = address.partition("://")
        hosts = rest.split("/", 1)[0]
        query = "&".join(part for part in (given, options) if part)
        return f"{scheme}://{hosts}/{self.database}?{query}"


class System(Protocol):
    """One contestant; every answer about results is read from MongoDB, not from the system."""

    @property
    def name(self) -> str:
        """How the tables call it."""

    @property
    def family(self) -> str:
        """warren, celery or taskiq: the best of a family is what is compared."""

    @property
    def configuration(self) -> Mapping[str, str]:
        """What was set, for the report."""

    @property
    def queues(self) -> tuple[str, ...]:
        """Its queues in RabbitMQ, deleted before a round so that no round inherits another's."""

    @property
    def submit_path(self) -> str:
        """Where jobs are posted."""

    def body(self, x: int, y: int) -> bytes:
        """The JSON that asks for x + y."""

    def start(self, place: Place) -> list[Child]:
        """Start gateway and worker; their roles are `gateway` and `worker`."""

    async def finished(self, database: Database) -> int:
        """How many jobs have a stored end; cheap enough to ask every 20 ms."""

    async def results(self, database: Database) -> dict[str, Any]:
        """The stored result of every job that succeeded, by id."""

    def result_path(self, job_id: str) -> str:
        """Where a client polls for the end of a job."""
