"""How often a job is tried: what the submission says, field by field over what its task says."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.attempt import Backoff

MOST_ATTEMPTS = 100
_MOST_PAUSE_S = 366 * 24 * 3600.0

Pause = Annotated[float, Field(ge=0, le=_MOST_PAUSE_S)]


class Retry(BaseModel):
    """When and how often a failed attempt is followed by another."""

    model_config = ConfigDict(extra="forbid", strict=True)

    max_attempts: int | None = Field(
        default=None, ge=1, le=MOST_ATTEMPTS, description="all attempts, the first one included"
    )
    backoff_s: Pause | None = Field(default=None, description="the bound of the first pause")
    factor: float | None = Field(
        default=None, ge=1, le=1000, description="by which the bound grows with each attempt"
    )
    max_backoff_s: Pause | None = Field(default=None, description="the bound never grows beyond")
    jitter: bool | None = Field(
        default=None, description="pause for a random part of the bound, not for all of it"
    )


_FIELDS = {
    "max_attempts": "attempts",
    "backoff_s": "first_s",
    "factor": "factor",
    "max_backoff_s": "most_s",
    "jitter": "jitter",
}


def backoff_of(asked: Retry | None, declared: dict[str, Any] | None) -> Backoff | None:
    """Return the policy of a job; None, which means one attempt, if nobody asked for retries."""
    if asked is None and declared is None:
        return None
    policy = dict(declared or {})
    if asked is not None:
        policy |= asked.model_dump(exclude_none=True)
    return Backoff(**{_FIELDS[name]: value for name, value in policy.items() if name in _FIELDS})
