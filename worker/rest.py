"""The pause that a task asks for by what it raises; it costs no attempt."""

from shared.contracts.record import record
from warren.errors import RateLimited
from warren.outcome import snooze_of


@record
class Rest:
    """For how long, in seconds, and what the job then waits for."""

    after_s: float
    because: str  # "retry" or "limit"


def rest_of(error: BaseException) -> Rest | None:
    """Return the rest that an exception asks for, if it does."""
    after_s = snooze_of(error)
    if after_s is None:
        return None
    return Rest(after_s=after_s, because="limit" if isinstance(error, RateLimited) else "retry")
