"""Pauses in MongoDB: one document each, and none as long as nothing is paused."""

from typing import Any, Literal

from shared.contracts.pauses import Pause, Paused
from shared.infrastructure.collections import PAUSES
from shared.infrastructure.mongo import Database, translated

Kind = Literal["queue", "task"]


class Pauses:
    """Reads and writes pauses; each write may be repeated."""

    def __init__(self, database: Database) -> None:
        self._rows = database[PAUSES]

    async def pause(self, kind: Kind, name: str, *, by: str | None, why: str | None) -> None:
        """Let nothing of a queue or a task begin. A pause that is there gets the new words."""
        said = {"kind": kind, "name": name, "by": by, "why": why}
        with translated():
            await self._rows.update_one(
                {"_id": f"{kind}:{name}"},
                {"$set": said, "$currentDate": {"at": True}},
                upsert=True,
            )

    async def resume(self, kind: Kind, name: str) -> None:
        """End a pause, if there is one."""
        with translated():
            await self._rows.delete_one({"_id": f"{kind}:{name}"})

    async def read(self) -> Paused:
        """Return everything that is paused."""
        with translated():
            rows = await self._rows.find({}).to_list(None)
        found: dict[str, dict[str, Pause]] = {"queue": {}, "task": {}}
        for row in rows:
            found[row["kind"]][row["name"]] = _pause(row)
        return Paused(queues=found["queue"], tasks=found["task"])


def _pause(row: dict[str, Any]) -> Pause:
    return Pause(at=row["at"], by=row["by"], why=row["why"])
