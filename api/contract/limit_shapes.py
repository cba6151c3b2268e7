"""What answers about limits look like, as models."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.contract.shapes import Shape
from shared.contracts.limits.definition import Learned

BreakerState = Literal["closed", "open", "reopening"]


class LimitBreaker(Shape):
    """The circuit breaker of a limit."""

    state: BreakerState
    until: datetime | None = Field(description="when one job may try; null unless it is open")
    calls: int = Field(description="in the window that it looks at")
    failures: int = Field(description="of these calls")
    share: float = Field(description="of the rate that may be used at present, 0 to 1")


class LimitChange(Shape):
    """How a limit changed because of what the other side answered."""

    at: datetime | None
    level: float | None
    permitted: float | None
    breaker: BreakerState
    why: str


class LimitLinks(Shape):
    """Where the limit is."""

    self: str


class Limit(Shape):
    """A named budget that all workers share; either `rate` or `learned` is not null."""

    name: str
    rate: float | None = Field(description="tokens in per_s")
    per_s: float | None
    burst: float | None
    learned: Learned | None
    of: str | None = Field(description="the default from which it was made")
    room: float | None = Field(description="tokens that can be taken now; null is without bound")
    room_at: datetime | None = Field(description="when one token can be taken")
    waiting: int = Field(description="jobs in its line; 10,000 means that many, or more")
    held_until: datetime | None = Field(description="nothing starts before")
    level: float | None = Field(description="of a learned limit; each is 1.14 times the one below")
    permitted: float | None = Field(description="the learned rate: tokens in its per_s")
    shadow: bool = Field(description="it only reports what it would permit")
    breaker: LimitBreaker | None
    history: list[LimitChange] = Field(description="the last 100 changes, oldest first")
    links: LimitLinks


class LimitList(Shape):
    """Limits in order of their names."""

    limits: list[Limit]
    next_after: str | None = Field(description="send it as `after` for the next page")
    counted_up_to: int = Field(description="a count of this means that many, or more")


ALL = (Limit, LimitList)
