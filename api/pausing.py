"""Pausing queues and tasks, and resuming them."""

from pydantic import BaseModel, ConfigDict, Field

from api.held import HeldQueues
from shared.infrastructure.control_sender import ControlSender
from shared.infrastructure.pauses import Kind, Pauses


class Words(BaseModel):
    """Why somebody pauses a queue or a task."""

    model_config = ConfigDict(extra="forbid", strict=True)

    why: str | None = Field(default=None, max_length=1000)


class Pausing:
    """Writes what is wanted, looks again, and hurries the workers to do so too."""

    def __init__(self, pauses: Pauses, held: HeldQueues, control: ControlSender) -> None:
        self._pauses = pauses
        self._held = held
        self._control = control

    async def pause(self, kind: Kind, name: str, *, by: str | None, why: str | None) -> None:
        """Let nothing of a queue or a task begin; what runs goes on."""
        await self._pauses.pause(kind, name, by=by, why=why)
        await self._spread()

    async def resume(self, kind: Kind, name: str) -> None:
        """Let its jobs begin again."""
        await self._pauses.resume(kind, name)
        await self._spread()

    async def _spread(self) -> None:
        await self._held.refresh()
        await self._control.pauses()
