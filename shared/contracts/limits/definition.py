"""What an operator says of a limit: a known rate or one to be learned, and when to stop trying."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.limits.pace import FREE, Pace, learned_pace, pace_of

_FASTEST = 100_000  # tokens a second
_DAY_S = 24 * 3600.0

Tokens = Annotated[float, Field(ge=1e-6, le=1e9, allow_inf_nan=False)]
Period = Annotated[float, Field(gt=0, le=366 * _DAY_S)]


class Learned(BaseModel):
    """A rate that nobody knows: it is found by what the other side answers."""

    model_config = ConfigDict(extra="forbid")

    base: Tokens = Field(description="the rate to begin with: tokens in per_s")
    per_s: Period = Field(default=1, description="seconds")
    floor: Tokens | None = Field(default=None, description="never slower; default: base / 100")
    ceiling: Tokens | None = Field(default=None, description="never faster; default: base x 100")
    shadow: bool = Field(default=False, description="only report what would have been permitted")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.lowest <= self.base <= self.highest:
            raise ValueError("must hold: floor <= base <= ceiling")
        return self

    @property
    def lowest(self) -> float:
        """Return the floor."""
        return self.base / 100 if self.floor is None else self.floor

    @property
    def highest(self) -> float:
        """Return the ceiling."""
        return self.base * 100 if self.ceiling is None else self.ceiling


class Breaking(BaseModel):
    """When a limit stops trying: the other side seems to be out of order."""

    model_config = ConfigDict(extra="forbid")

    failure_rate: float = Field(default=0.5, gt=0, le=1, description="share of calls that fail")
    min_calls: int = Field(default=10, ge=1, le=10_000, description="fewer say nothing")
    window_s: float = Field(default=10, gt=0, le=3600, description="how far it looks back")
    open_s: float = Field(default=5, gt=0, le=3600, description="until the first probe")


class Definition(BaseModel):
    """A known rate, or a learned one; and the circuit breaker."""

    model_config = ConfigDict(extra="forbid")

    rate: Tokens | None = Field(default=None, description="tokens in per_s", examples=[50])
    per_s: Period = Field(default=1, description="seconds")
    burst: Annotated[float, Field(ge=1, le=1e9)] = Field(
        default=1, description="tokens that may be saved up and then start at once"
    )
    learned: Learned | None = None
    breaker: Breaking | bool = Field(
        default=True, description="false never opens; true takes the defaults"
    )

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.rate is None) == (self.learned is None):
            raise ValueError("send either `rate` or `learned`")
        if self.learned is not None and {"per_s", "burst"} & self.model_fields_set:
            raise ValueError("per_s stands inside `learned`, which has no burst")
        if self.tokens_a_second > _FASTEST:
            raise ValueError(f"more than {_FASTEST} a second is no limit")
        return self

    @property
    def tokens_a_second(self) -> float:
        """Return the fastest rate that this allows."""
        if self.learned is not None:
            return self.learned.highest / self.learned.per_s
        return (self.rate or 0.0) / self.per_s

    @property
    def breaking(self) -> Breaking | None:
        """Return when the breaker opens; None if it never does."""
        if isinstance(self.breaker, Breaking):
            return self.breaker
        return Breaking() if self.breaker else None

    def pace(self, permitted: float | None = None) -> Pace:
        """Return the pace, for a learned limit at the rate that is permitted at present."""
        if self.learned is None:
            return pace_of(rate=self.rate or 1.0, per_s=self.per_s, burst=self.burst)
        if self.learned.shadow:
            return FREE
        return learned_pace(rate=permitted or self.learned.base, per_s=self.learned.per_s)

    def told(self) -> dict[str, Any]:
        """Return the definition as JSON has it, without what was not said."""
        return self.model_dump(exclude_unset=True)


def read_definition(value: Any) -> Definition:
    """Return the definition that a JSON value means; raise InvalidInput."""
    try:
        return Definition.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(list(map(_fault, error.errors()))) from None


def _fault(error: ErrorDetails) -> Fault:
    pointer = "".join(f"/{part}" for part in error["loc"])
    return Fault(pointer, error["msg"].removeprefix("Value error, "))
