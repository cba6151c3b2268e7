"""A bell that this worker rings for itself: jobs that became runnable by what it did."""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.bells import into_bells
from shared.infrastructure.bell_ringer import BellRinger


@dataclass(slots=True, eq=False)
class OwnBell:
    """Runnable jobs that this worker heard of first: settled like a bell, unknown to the broker."""

    queue: str  # or rather: the band
    ids: list[str]
    ringer: BellRinger
    rung_at: datetime | None = None

    async def ack(self) -> None:
        """Nobody else has heard of it."""

    async def give_back(self) -> None:
        """Ring for what is left, so that another worker may have it."""
        for ids in into_bells(self.ids):
            await self.ringer.ring(self.queue, ids)
