"""When a job in line may start, worked out from how long the last ones of its key took. Pure."""

from collections.abc import Sequence
from datetime import datetime
from math import sqrt
from statistics import fmean, pstdev
from typing import Any

from shared.contracts.job import Job
from shared.contracts.record import record

_ENOUGH = 3  # durations; fewer say nothing about the next one
_SPREAD = 1.645  # standard deviations: nine sums of ten lie within


@record
class Outlook:
    """What a job in line has before it."""

    key: str
    holders: Sequence[Job]
    ahead: int
    held: dict[str, Any] | None
    earliest: datetime | None
    latest: datetime | None


def expected(
    ahead: int, running: Sequence[float], took: Sequence[float], *, limit: int
) -> tuple[float | None, float | None]:
    """Return in how many seconds a job may start: not before, and probably by then.

    `running` has how long each holder has run already, `took` how long earlier jobs did. The last
    of them to end of `ahead` jobs, `limit` at a time, behind the holders, is a sum of durations;
    its range is that of a normal distribution, which sums of many come near to.
    """
    if len(took) < _ENOUGH:
        return None, None
    mean, spread = fmean(took), pstdev(took)
    ordered = sorted(took)
    quick, slow = ordered[len(ordered) // 10], ordered[-1 - len(ordered) // 10]
    free = max(0, limit - len(running))
    turns = max(0, ahead + 1 - free) / limit  # how many rounds of the lane come first
    if not turns:
        return 0.0, slow
    first = min((max(0.0, quick - each) for each in running), default=0.0)
    last = max((max(slow - each, mean * 0.1) for each in running), default=0.0)
    others = max(0.0, turns - (1 / limit if running else 0))
    width = _SPREAD * spread * sqrt(others)
    return first + max(0.0, mean * others - width), last + mean * others + width
