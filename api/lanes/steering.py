"""Steering lanes by hand: hold one, let it go on, cancel what stands in line."""

from datetime import datetime

from api.cancelling import Cancelling
from api.lanes.admitting import Admitting
from shared.infrastructure.collections import BY_ID, LANES
from shared.infrastructure.lanes.looks import LaneLooks
from shared.infrastructure.mongo import Database, translated

MOST_DRAINED = 10_000
"""How many jobs one request cancels."""

_PAGE = 500


class LaneSteering:
    """What operators do to a lane. Each may be asked for again."""

    def __init__(
        self, database: Database, looks: LaneLooks, cancelling: Cancelling, admitting: Admitting
    ) -> None:
        self._lanes = database[LANES]
        self._looks = looks
        self._cancelling = cancelling
        self._admitting = admitting

    async def hold(self, key: str, *, by: str | None, note: str | None, at: datetime) -> None:
        """Let nobody in until the lane is resumed; what has the key goes on."""
        held = {"by": by, "note": note, "since": at}
        with translated():
            await self._lanes.update_one(
                {"_id": key},
                {
                    "$set": {"held": held},
                    "$setOnInsert": {"holders": []},
                    "$currentDate": {"at": True},
                },
                upsert=True,
                hint=BY_ID,
            )

    async def resume(self, key: str) -> None:
        """Let jobs in again."""
        with translated():
            await self._lanes.update_one(
                {"_id": key},
                {"$unset": {"held": ""}, "$currentDate": {"at": True}},
                hint=BY_ID,
            )
        await self._admitting.open(key)

    async def drain(self, key: str) -> int:
        """Cancel what stands in line, `MOST_DRAINED` at most; return how many were."""
        cancelled = 0
        while cancelled < MOST_DRAINED:
            jobs = await self._looks.first(key, most=_PAGE)
            if not jobs:
                break
            cancelled += len([job for job in await self._cancelling.cancel(jobs) if job.done])
        return cancelled
