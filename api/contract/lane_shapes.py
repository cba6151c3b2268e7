"""What answers about lanes look like, and what steering one takes, as models."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from api.contract.shapes import Id, Shape
from shared.contracts.moves import Status


class LaneHolder(Shape):
    """A job that has the key."""

    id: Id
    task: str
    status: Status = Field(description="`running`, or `queued`: a worker is to take it")
    started_at: datetime | None
    age_s: float = Field(description="since it started, or else since it might")


class LaneHold(Shape):
    """That an operator lets nobody in."""

    by: str | None = Field(description="the name of the API key, if keys are on")
    note: str | None
    since: datetime


class Lane(Shape):
    """A key, who has it, and who waits for it."""

    key: str
    limit: int | None = Field(description="how many may have it beside each other, as they say")
    running: int
    queued: int = Field(description="they have the key, and a worker is to take them")
    waiting: int = Field(description="10,000 means that many, or more")
    oldest_waiting_s: float | None
    holders: list[LaneHolder] = Field(description="20 at most")
    held: LaneHold | None


class LaneWhole(Lane):
    """One lane, with who comes next."""

    next: list[Id] = Field(description="in their order, 20 at most")


class LaneDrained(LaneWhole):
    """A lane whose line was cancelled."""

    cancelled: int
    more: bool = Field(description="others stand in line; send it again")


class LanePage(Shape):
    """Lanes that are in use, in order of their keys."""

    lanes: list[Lane]
    next_page_token: str | None = Field(description="null on the last page")


class LaneNote(BaseModel):
    """Why somebody steers a lane."""

    model_config = ConfigDict(extra="forbid", strict=True)

    note: str | None = Field(default=None, max_length=1000, description="why; shown in `held`")


ANSWERS = (LaneWhole, LaneDrained, LanePage)
TAKEN = (LaneNote,)
