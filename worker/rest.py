"""The pause that a task asks for by what it raises; it costs no attempt."""

from shared.contracts.record import record
from warren.errors import RateLimited
from warren.outcome import snooze_of


@record
class Rest:
    """For how long, in seconds, and what the job then waits for."""

    after_s: float
    because: str  # "retry" or "limit"


_UNTIL_THE_LIMIT_KNOWS = 1.0  # seconds


def rest_of(error: BaseException, *, limited: bool = False) -> Rest | None:
    """Return the rest that an exception asks for, if it does.

    A `limited` job needs no time: its limit knows when the next one may go.
    """
    after_s = snooze_of(error)
    if after_s is None and limited and isinstance(error, RateLimited):
        after_s = _UNTIL_THE_LIMIT_KNOWS
    if after_s is None:
        return None
    return Rest(after_s=after_s, because="limit" if isinstance(error, RateLimited) else "retry")
