"""The gateway's copy of the catalogue: entries, and a compiled validator for each input schema."""

import asyncio
import time
from typing import Any

import jsonschema_rs

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import Fault, InvalidInput, StoreUnavailable, UnknownTask
from shared.infrastructure.logs import get_logger
from shared.infrastructure.task_catalogue import TaskCatalogue
from shared.infrastructure.writes import until_stored

log = get_logger(__name__)

_EVERY = 2.0  # seconds between looks for new declarations
_AT_MOST_EVERY = 0.2  # seconds between looks that unknown tasks cause
_PATIENCE = 1.0  # seconds, with MongoDB, before whoever submits has to try again
_MOST_FAULTS = 20


class Catalogue:
    """Knows every task that some worker has declared."""

    def __init__(self, store: TaskCatalogue) -> None:
        self._store = store
        self._entries: dict[str, TaskEntry] = {}
        self._validators: dict[str, jsonschema_rs.Validator] = {}
        self._read_at = 0.0
        self._looking = asyncio.Lock()
        self.revision = 0  # grows whenever an entry changes

    async def keep_fresh(self) -> None:
        """Look for changes for ever; while MongoDB is away, what is known stays."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.refresh()
            except StoreUnavailable as error:
                log.warning("catalogue.stale", reason=str(error)[:200])

    async def refresh(self) -> None:
        """Read the catalogue again."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        self._read_at = time.monotonic()
        entries = {entry.name: entry for entry in await self._store.read()}
        changed = {n: e for n, e in entries.items() if self._entries.get(n) != e}
        for name, entry in changed.items():
            self._validators[name] = _validator(entry)
        if changed:
            self.revision += 1
        self._entries = entries

    @property
    def entries(self) -> list[TaskEntry]:
        """Return all tasks, by name."""
        return list(self._entries.values())

    async def get(self, task: str) -> TaskEntry:
        """Return a task's entry; raise UnknownTask if no worker has declared it."""
        entry = self._entries.get(task)
        if entry is None:
            await self._look_again()
            entry = self._entries.get(task)
        if entry is None:
            raise UnknownTask(task)
        return entry

    async def _look_again(self) -> None:
        """Return once a look has ended that began later than now: many askers share it."""
        asked = time.monotonic()
        async with self._looking:
            if self._read_at > asked:
                return
            await asyncio.sleep(max(0, self._read_at + _AT_MOST_EVERY - asked))
            await until_stored(self._look, patience=_PATIENCE)

    def check(self, task: str, value: Any, *, at: str = "/input") -> None:
        """Raise InvalidInput unless `value` fits the task's input schema."""
        validator = self._validators[task]
        if validator.is_valid(value):
            return
        faults: list[Fault] = []
        for error in validator.iter_errors(value):
            path = "".join(
                f"/{str(p).replace('~', '~0').replace('/', '~1')}" for p in error.instance_path
            )
            faults.append(Fault(at + path, error.message[:500]))
            if len(faults) == _MOST_FAULTS:
                break
        raise InvalidInput(faults)


def _validator(entry: TaskEntry) -> jsonschema_rs.Validator:
    """Compile a schema; one that cannot be compiled lets everything pass: the worker checks too."""
    try:
        return jsonschema_rs.validator_for(entry.input_schema, validate_formats=True)
    except ValueError as error:
        log.error("catalogue.schema_unusable", task=entry.name, reason=str(error)[:500])
        return jsonschema_rs.validator_for(True)
